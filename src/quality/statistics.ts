import { studentQuantile } from '../math/statistics.ts';
import { norm } from './exact.ts';

/** A measured number with its 95% interval. */
export interface Figure {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** Two-sided 95% quantile of the standard normal. */
export const z95 = 1.959964;
/** One-sided, for the radius of a ball. */
const z95one = 1.644854;

/** Replications of a gradient reduced to what the study reports. All intervals hold with 95% confidence. */
export interface GradientStatistics {
  readonly replications: number;
  /** [parameters] mean gradient */
  readonly mean: readonly number[];
  /** [parameters] its standard error */
  readonly standardError: readonly number[];
  /**
   * ‖E ĝ − g‖: the norm of the mean's distance with the noise's part taken off, √max(0, ‖·‖² − trace/n). The interval
   * is a ball's: by the triangle inequality the norm errs by at most that of the mean, whose 95% quantile is
   * that of a sum of squared normals (Satterthwaite's approximation). Never too narrow; low 0 means unresolved.
   */
  readonly bias: Figure | null;
  /** Trace of the covariance of one gradient; interval normal in its logarithm, by the fourth moment. */
  readonly variance: Figure;
  /** Mean over replications of the cosine of each to the exact gradient; normal interval. */
  readonly cosine: Figure | null;
}

/**
 * @param gradients [replications, parameters]
 * @param exact what the mean should be, if it is known, and the norm of its own error
 */
export function gradientStatistics(
  gradients: ArrayLike<number>,
  parameters: number,
  exact?: { readonly gradient: readonly number[]; readonly error: number },
): GradientStatistics {
  const n = gradients.length / parameters;
  const mean = new Array<number>(parameters).fill(0);
  for (let i = 0; i < gradients.length; i++) mean[i % parameters] += gradients[i] / n;
  const covariance = new Float64Array(parameters * parameters);
  const squares = new Float64Array(n);
  const gap = new Float64Array(parameters);
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < parameters; j++) gap[j] = gradients[i * parameters + j] - mean[j];
    for (let j = 0; j < parameters; j++) {
      squares[i] += gap[j] * gap[j];
      for (let k = 0; k <= j; k++) covariance[j * parameters + k] += (gap[j] * gap[k]) / Math.max(1, n - 1);
    }
  }
  const diagonal = mean.map((_, j) => covariance[j * parameters + j]);
  const trace = diagonal.reduce((a, b) => a + b, 0);
  return {
    replications: n,
    mean,
    standardError: diagonal.map((value) => Math.sqrt(value / n)),
    bias: exact ? biasOf({ mean, covariance, trace, n }, exact) : null,
    variance: logNormal(trace, relativeError(squares)),
    cosine: exact && norm(exact.gradient) > 2 * exact.error ? meanCosine(gradients, exact.gradient) : null,
  };
}

/** Of n draws: mean [parameters], covariance [parameters, parameters] and its trace. */
interface Moments {
  readonly mean: readonly number[];
  readonly covariance: Float64Array;
  readonly trace: number;
  readonly n: number;
}

function biasOf(
  { mean, covariance, trace, n }: Moments,
  { gradient, error }: { readonly gradient: readonly number[]; readonly error: number },
): Figure {
  const distance = norm(mean.map((value, j) => value - gradient[j]));
  const radius = Math.sqrt(noiseQuantile(covariance, mean.length, trace) / n) + z95 * error;
  const value = Math.sqrt(Math.max(0, distance ** 2 - trace / n));
  return { value, low: Math.max(0, distance - radius), high: distance + radius };
}

/**
 * 95% quantile of ‖x‖² for x ~ N(0, covariance): that of s·χ²(ν) with the same mean and variance, χ² by Wilson and
 * Hilferty.
 *
 * @source Satterthwaite 1946; Wilson & Hilferty 1931
 */
function noiseQuantile(covariance: Float64Array, size: number, trace: number): number {
  if (trace === 0) return 0;
  let squared = 0;
  for (let j = 0; j < size; j++) {
    for (let k = 0; k <= j; k++) squared += (j === k ? 1 : 2) * covariance[j * size + k] ** 2;
  }
  const freedom = trace ** 2 / squared;
  const ninth = 2 / (9 * freedom);
  return trace * (1 - ninth + z95one * Math.sqrt(ninth)) ** 3;
}

/** Standard error of a mean over the mean. */
function relativeError(values: ArrayLike<number>): number {
  const n = values.length;
  let [sum, squares] = [0, 0];
  for (let i = 0; i < n; i++) sum += values[i];
  if (sum === 0 || n < 2) return 0;
  for (let i = 0; i < n; i++) squares += (values[i] - sum / n) ** 2;
  return Math.sqrt(squares / (n * (n - 1))) / (sum / n);
}

/** A positive figure whose logarithm has that standard error. */
export function logNormal(value: number, error: number): Figure {
  const factor = Math.exp(z95 * error);
  return { value, low: value / factor, high: value * factor };
}

/** A mean with its t interval; a single value has none. */
export function meanFigure(values: readonly number[]): Figure {
  const n = values.length;
  const value = values.reduce((a, b) => a + b, 0) / n;
  const squares = values.reduce((sum, x) => sum + (x - value) ** 2, 0);
  const half = n > 1 ? studentQuantile(0.95, n - 1) * Math.sqrt(squares / (n * (n - 1))) : Infinity;
  return { value, low: value - half, high: value + half };
}

function meanCosine(gradients: ArrayLike<number>, exact: readonly number[]): Figure | null {
  const parameters = exact.length;
  const length = norm(exact);
  const cosines: number[] = [];
  for (let i = 0; i < gradients.length; i += parameters) {
    let [dot, square] = [0, 0];
    for (let j = 0; j < parameters; j++) {
      dot += gradients[i + j] * exact[j];
      square += gradients[i + j] ** 2;
    }
    // A gradient of 0 has no direction.
    if (square > 0) cosines.push(dot / (Math.sqrt(square) * length));
  }
  return cosines.length > 0 ? meanFigure(cosines) : null;
}

/** Cosine of a mean gradient to a direction with its normal interval, by the delta method over the replications. */
export function cosineOfMean(gradients: ArrayLike<number>, direction: readonly number[]): Figure {
  const parameters = direction.length;
  const { mean, replications: n } = gradientStatistics(gradients, parameters);
  const [length, reach] = [norm(mean), norm(direction)];
  const value = mean.reduce((sum, x, j) => sum + x * direction[j], 0) / (length * reach);
  // ∂cos/∂mean = (unit direction − cos·unit mean)/‖mean‖
  const slope = mean.map((x, j) => (direction[j] / reach - (value * x) / length) / length);
  let squares = 0;
  for (let i = 0; i < n; i++) {
    let along = 0;
    for (let j = 0; j < parameters; j++) along += slope[j] * (gradients[i * parameters + j] - mean[j]);
    squares += along * along;
  }
  const half = n > 1 ? studentQuantile(0.95, n - 1) * Math.sqrt(squares / (n * (n - 1))) : Infinity;
  return { value, low: Math.max(-1, value - half), high: Math.min(1, value + half) };
}

/** variance × time; the relative half-widths of both intervals add as squares, as for independent errors. */
export function workNormalised(variance: Figure, ms: Figure): Figure {
  const value = variance.value * ms.value;
  if (value === 0) return { value: 0, low: 0, high: 0 };
  const down = Math.hypot(Math.log(variance.value / variance.low), Math.log(ms.value / ms.low));
  const up = Math.hypot(Math.log(variance.high / variance.value), Math.log(ms.high / ms.value));
  return { value, low: value * Math.exp(-down), high: value * Math.exp(up) };
}
