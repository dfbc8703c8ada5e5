// Divergences over the box from their definitions, by a rule that shares nothing with the library's: Gauss–Legendre on
// panels that narrow towards every place where a density has its mass, in the latent u of a = tanh u.
import { logGamma, softplus } from '../../src/math/special.ts';

export interface Place {
  readonly centre: number;
  readonly scale: number;
}
/** One coordinate's places where something is narrow. */
export type Places = readonly Place[];

/** 12 nodes of Gauss–Legendre on [−1, 1], from DLMF 3.5's three-term recurrence by bisection of its roots. */
const rule = legendre(12);

function legendre(n: number): readonly (readonly [x: number, weight: number])[] {
  const p = (x: number) => {
    let [before, now] = [1, x];
    for (let k = 2; k <= n; k++) [before, now] = [now, ((2 * k - 1) * x * now - (k - 1) * before) / k];
    return [now, (n * (x * now - before)) / (x * x - 1)];
  };
  const found: [number, number][] = [];
  const grid = 2000;
  for (let i = 0; i < grid; i++) {
    let [a, b] = [-1 + (2 * i) / grid, -1 + (2 * (i + 1)) / grid];
    if (p(a)[0] * p(b)[0] > 0) continue;
    for (let k = 0; k < 60; k++) {
      const m = (a + b) / 2;
      if (p(a)[0] * p(m)[0] <= 0) b = m;
      else a = m;
    }
    const x = (a + b) / 2;
    found.push([x, 2 / ((1 - x * x) * p(x)[1] ** 2)]);
  }
  return found;
}

/** Edges of panels from −reach to reach, at most half as wide as their distance from any place, or as its scale. */
export function edges(places: Places, reach: number, fineness = 1): number[] {
  const result = [-reach];
  let u = -reach;
  while (u < reach) {
    let step = reach;
    for (const { centre, scale } of places) {
      const width = (x: number) => Math.max(scale, Math.abs(x - centre) / 2) / fineness;
      step = Math.min(step, width(u), Math.max(width(u + width(u)), scale / fineness));
    }
    u = Math.min(u + step, reach);
    result.push(u);
  }
  return result;
}

/** Fewer panels, for two coordinates: no wider than their distance from any place, or than 1.5 of its scales. */
export function wideEdges(places: Places, reach: number): number[] {
  const result = [-reach];
  for (let u = -reach; u < reach; ) {
    const steps = places.map(({ centre, scale }) =>
      Math.max(1.5 * scale, centre > u ? (centre - u) / 2 : u - centre),
    );
    u = Math.min(u + Math.min(...steps), reach);
    result.push(u);
  }
  return result;
}

/** Adds panels around the peak of a function of two coordinates that is narrower than those there. */
function addPeak(lines: number[][], logTerm: (u: readonly number[]) => number): void {
  const [x, y] = lines.map(nodesOn);
  const terms = x.u.map((a, i) => y.u.map((b, j) => logTerm([a, b]) + Math.log(x.weight[i] * y.weight[j])));
  const most = Math.max(...terms.map((row) => Math.max(...row)));
  const mass = terms.map((row) => row.map((term) => Math.exp(term - most)));
  const along = [mass.map(total), y.u.map((_, j) => total(mass.map((row) => row[j])))];
  [x, y].forEach(({ u }, axis) => {
    const mean = (f: (x: number) => number) =>
      total(u.map((x, i) => along[axis][i] * f(x))) / total(along[axis]);
    const centre = mean((x) => x);
    const deviation = Math.max(1e-3, Math.sqrt(mean((x) => (x - centre) ** 2)));
    const more = Array.from({ length: 13 }, (_, k) => centre + 1.5 * (k - 6) * deviation);
    lines[axis] = [...new Set([...lines[axis], ...more])].sort((a, b) => a - b);
  });
}

const total = (x: readonly number[]): number => x.reduce((a, b) => a + b, 0);

export function nodesOn(panels: readonly number[]): { u: number[]; weight: number[] } {
  const [u, weight]: [number[], number[]] = [[], []];
  for (let i = 1; i < panels.length; i++) {
    const [middle, half] = [(panels[i] + panels[i - 1]) / 2, (panels[i] - panels[i - 1]) / 2];
    for (const [x, w] of rule) {
      u.push(middle + half * x);
      weight.push(half * w);
    }
  }
  return { u, weight };
}

/** log(1 − tanh² u) */
export const logSech2 = (u: number): number => 2 * (Math.LN2 - u - softplus(-2 * u));

/** A policy's log-density in the latent, from its head. */
export type PolicyDensity = (head: readonly number[], u: readonly number[]) => number;
const logNormal = (x: number, m: number, l: number) =>
  -0.5 * ((x - m) / Math.exp(l)) ** 2 - l - 0.5 * Math.log(2 * Math.PI);
const logSum = (values: readonly number[]) => {
  const most = Math.max(...values);
  return most + Math.log(values.reduce((sum, x) => sum + Math.exp(x - most), 0));
};

export const policyDensities: Readonly<Record<string, PolicyDensity>> = {
  'tanh-gaussian': (head, u) => u.reduce((sum, x, i) => sum + logNormal(x, head[i], head[i + u.length]), 0),
  beta: (head, u) =>
    u.reduce((sum, x, i) => {
      const [a, b] = [1 + softplus(head[i]), 1 + softplus(head[i + u.length])];
      const normaliser = logGamma(a) + logGamma(b) - logGamma(a + b);
      return sum - a * softplus(-2 * x) - b * softplus(2 * x) + Math.LN2 - normaliser;
    }, 0),
  'tanh-gaussian-mixture': (head, u) => {
    const d = u.length;
    const logits = head.slice(0, 4);
    const all = logSum(logits);
    return logSum(
      logits.map((logit, m) =>
        u.reduce(
          (sum, x, i) => sum + logNormal(x, head[4 + m * d + i], head[4 + 4 * d + m * d + i]),
          logit - all,
        ),
      ),
    );
  },
};

interface Densities {
  readonly logPi: number;
  readonly logP: number;
}
export interface Divergence {
  /** From ∫ of the term, and of the weight times the score. */
  term(at: Densities): number;
  coefficient(at: Densities): number;
  /** Order of the Rényi divergence, whose integrals are taken relative to their largest term. */
  readonly order?: number;
}
const pi = ({ logPi }: Densities) => Math.exp(logPi);
const p = ({ logP }: Densities) => Math.exp(logP);
const gap = ({ logPi, logP }: Densities) => logP - logPi;
const reverse: Divergence = {
  term: (at) => -pi(at) * gap(at),
  coefficient: (at) => -pi(at) * gap(at),
};
const forward: Divergence = { term: (at) => p(at) * gap(at), coefficient: (at) => -p(at) };
const renyi = (order: number): Divergence => ({ order, term: () => 0, coefficient: () => 0 });
export const divergences: Readonly<Record<string, Divergence>> = {
  'reverse-kl/exact': reverse,
  'forward-kl/exact': forward,
  'renyi/exact:0.5': renyi(0.5),
  'renyi/exact:2': renyi(2),
  'jeffreys/exact': {
    term: (at) => 0.5 * (reverse.term(at) + forward.term(at)),
    coefficient: (at) => 0.5 * (reverse.coefficient(at) + forward.coefficient(at)),
  },
  'jensen-shannon/exact': {
    term: (at) => 0.5 * (p(at) * (Math.LN2 - softplus(-gap(at))) + pi(at) * (Math.LN2 - softplus(gap(at)))),
    // f − r f′ = −½ log(½(1 + r)); a multiple of π adds nothing.
    coefficient: (at) => -0.5 * pi(at) * softplus(gap(at)),
  },
  'hellinger/exact': {
    term: (at) => 0.5 * (Math.exp(0.5 * at.logP) - Math.exp(0.5 * at.logPi)) ** 2,
    coefficient: (at) => -0.5 * Math.exp(0.5 * (at.logP + at.logPi)),
  },
  'total-variation/exact': {
    term: (at) => 0.5 * Math.abs(p(at) - pi(at)),
    coefficient: (at) => -0.5 * pi(at) * Math.sign(gap(at)),
  },
};

export interface Problem {
  readonly density: PolicyDensity;
  readonly head: readonly number[];
  /** Q at actions */
  q(a: readonly number[]): number;
  readonly temperature: number;
  /** One list a coordinate. */
  readonly places: readonly Places[];
  readonly reach: number;
  readonly fineness?: number;
}

/** Value and gradient in the head of each divergence named. */
export function reference(problem: Problem, names: readonly string[]) {
  const { density, head, q, temperature, places, reach, fineness = 1 } = problem;
  const lines = places.map((own) =>
    places.length === 1 ? edges(own, reach, fineness) : wideEdges(own, reach),
  );
  const log = (u: readonly number[]) =>
    q(u.map(Math.tanh)) / temperature + u.reduce((sum, x) => sum + logSech2(x), 0);
  if (places.length === 1 && names.includes('total-variation/exact')) {
    // Ends of panels where the densities cross.
    const first = nodesOn(lines[0]);
    const logZ0 = logSum(first.u.map((x, i) => log([x]) + Math.log(first.weight[i])));
    const g = (x: number) => log([x]) - logZ0 - density(head, [x]);
    const sorted = [...lines[0], ...first.u].sort((a, b) => a - b);
    const roots: number[] = [];
    for (let i = 1; i < sorted.length; i++) {
      let [a, b] = [sorted[i - 1], sorted[i]];
      if (g(a) > 0 === g(b) > 0) continue;
      for (let k = 0; k < 60; k++) {
        const m = (a + b) / 2;
        if (g(a) > 0 === g(m) > 0) a = m;
        else b = m;
      }
      roots.push((a + b) / 2);
    }
    lines[0] = [...lines[0], ...roots].sort((a, b) => a - b);
  }
  const steep = names
    .map((name) => divergences[name].order)
    .find((order) => order !== undefined && order > 1);
  if (places.length === 2 && steep !== undefined) {
    const logTerm = (u: readonly number[]) => steep * density(head, u) + (1 - steep) * log(u);
    for (let again = 0; again < 2; again++) addPeak(lines, logTerm);
  }
  const axes = lines.map(nodesOn);
  const points: number[][] = [];
  const logWeight: number[] = [];
  if (axes.length === 1)
    axes[0].u.forEach((x, i) => {
      points.push([x]);
      logWeight.push(Math.log(axes[0].weight[i]));
    });
  else
    axes[0].u.forEach((x, i) => {
      axes[1].u.forEach((y, j) => {
        points.push([x, y]);
        logWeight.push(Math.log(axes[0].weight[i]) + Math.log(axes[1].weight[j]));
      });
    });
  const unnormalised = points.map(log);
  let most = -Infinity;
  for (let n = 0; n < points.length; n++) most = Math.max(most, unnormalised[n] + logWeight[n]);
  let total = 0;
  for (let n = 0; n < points.length; n++) total += Math.exp(unnormalised[n] + logWeight[n] - most);
  const logZ = most + Math.log(total);
  const sums = names.map(() => ({ value: 0, gradient: head.map(() => 0) }));
  const logPi = points.map((u) => density(head, u));
  const powers = names.map((name) => {
    const { order } = divergences[name];
    if (order === undefined) return undefined;
    const logTerm = (n: number) => order * logPi[n] + (1 - order) * (unnormalised[n] - logZ) + logWeight[n];
    let highest = -Infinity;
    for (let n = 0; n < points.length; n++) highest = Math.max(highest, logTerm(n));
    return { order, highest, term: (n: number) => Math.exp(logTerm(n) - highest) };
  });
  const step = 1e-5;
  const moved = head.map((_, j) => [1, -1].map((way) => head.map((x, k) => (k === j ? x + way * step : x))));
  for (let n = 0; n < points.length; n++) {
    const at = { logPi: logPi[n], logP: unnormalised[n] - logZ };
    const volume = Math.exp(logWeight[n]);
    const coefficients = names.map(
      (name, k) => powers[k]?.term(n) ?? volume * divergences[name].coefficient(at),
    );
    names.forEach((name, k) => {
      sums[k].value += powers[k] ? coefficients[k] : volume * divergences[name].term(at);
    });
    // What is left out adds up to nothing that float64 holds.
    if (coefficients.every((c) => Math.abs(c) < 1e-20)) continue;
    const score = moved.map(([up, down]) => (density(up, points[n]) - density(down, points[n])) / (2 * step));
    names.forEach((_, k) => {
      score.forEach((s, j) => {
        sums[k].gradient[j] += coefficients[k] * s;
      });
    });
  }
  return Object.fromEntries(
    names.map((name, k) => {
      const power = powers[k];
      const factor = power ? power.order / (power.order - 1) / sums[k].value : 1;
      const value = power ? (Math.log(sums[k].value) + power.highest) / (power.order - 1) : sums[k].value;
      return [name, { value, gradient: sums[k].gradient.map((x) => factor * x) }];
    }),
  );
}
