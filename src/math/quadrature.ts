/** Nodes and weights of a quadrature rule: ∫ f ≈ Σ weights·f(nodes). */
export interface QuadratureRule {
  readonly nodes: readonly number[];
  readonly weights: readonly number[];
}

/**
 * Gauss–Legendre rule on [low, high], exact for polynomials up to degree 2·count − 1.
 *
 * @source Newton's iteration on the Legendre recurrence from Tricomi's first guess (DLMF 3.5(v), 18.16)
 */
export function gaussLegendre(count: number, low = -1, high = 1): QuadratureRule {
  const nodes = new Array<number>(count);
  const weights = new Array<number>(count);
  const [middle, half] = [(low + high) / 2, (high - low) / 2];
  for (let i = 0; i < count; i++) {
    let x = -Math.cos((Math.PI * (i + 0.75)) / (count + 0.5));
    let slope = 1;
    for (let iteration = 0; iteration < 100; iteration++) {
      let [previous, value] = [1, x];
      for (let n = 2; n <= count; n++)
        [previous, value] = [value, ((2 * n - 1) * x * value - (n - 1) * previous) / n];
      slope = (count * (x * value - previous)) / (x * x - 1);
      const step = value / slope;
      x -= step;
      if (Math.abs(step) < 1e-15) break;
    }
    nodes[i] = middle + half * x;
    weights[i] = (2 * half) / ((1 - x * x) * slope * slope);
  }
  return { nodes, weights };
}

/** The trapezoidal rule on [−reach, reach]: it converges spectrally where the integrand dies out towards both ends. */
export function trapezoidal(count: number, reach: number): QuadratureRule {
  const step = (2 * reach) / (count - 1);
  return {
    nodes: Array.from({ length: count }, (_, i) => -reach + i * step),
    weights: new Array<number>(count).fill(step),
  };
}

/** How a coordinate u of the whole line covers what is integrated over. */
export interface Stretch {
  at(u: number): number;
  /** log of da/du */
  logSlope(u: number): number;
}

/** [−1, 1] by a = tanh u. */
export const boxStretch: Stretch = {
  at: Math.tanh,
  logSlope: (u) => -2 * Math.log(Math.cosh(u)),
};

/** The line by a = scale·sinh u, densely near 0. */
export const lineStretch = (scale = 1): Stretch => ({
  at: (u) => scale * Math.sinh(u),
  logSlope: (u) => Math.log(scale) + Math.log(Math.cosh(u)),
});
