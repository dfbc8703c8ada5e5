/** What is known at an action; densities are normalised and in logarithms. */
export interface Point {
  readonly logPolicy: number;
  readonly logTarget: number;
  readonly logBehaviour: number;
  readonly logReference: number;
  /** log p − log π */
  readonly logR: number;
  readonly q: number;
}

/** What is known of all actions of a state. */
export interface Whole {
  readonly temperature: number;
  /** ∫ density(a) da */
  integral(density: (at: Point) => number): number;
}

/** Density-like factor of ∇ log π at an action. */
export type Coefficient = (whole: Whole) => (at: Point) => number;

/** A quantity whose gradient the mean of an estimator is. */
export interface Objective {
  readonly name: string;
  readonly formula: string;
  /**
   * Its gradient is ∫ coefficient(a)·∇ log π(a) da, which measurements compare estimators with. A multiple of π may be left
   * out, as it adds nothing; a ratio of densities is not formed, since it overflows where the policy's tails are light.
   * Absent where no such integral is known: the estimator's own mean over many samples then stands in.
   */
  readonly coefficient?: Coefficient;
}

const pi = ({ logPolicy }: Point): number => Math.exp(logPolicy);

/** A coefficient that needs to know nothing of the whole. */
export const pointwise =
  (coefficient: (at: Point) => number): Coefficient =>
  () =>
    coefficient;

/** That of −E_w[log π] with w in proportion to a density times e^{Q/α}. */
export const likelihood =
  (logDensity: (at: Point) => number): Coefficient =>
  ({ temperature, integral }) => {
    const weight = (at: Point) => Math.exp(logDensity(at) + at.q / temperature);
    const total = integral(weight);
    return (at) => -weight(at) / total;
  };

/** That of the Rényi bound as a loss: −bound above order 0, bound below; a/(1 − a)·E_w ∇ log π, w ∝ π^a p^(1−a). */
const renyiBound =
  (order: number): Coefficient =>
  ({ integral }) => {
    const scale = (-Math.sign(order) * order) / (1 - order);
    const weight = (at: Point) => Math.exp(at.logPolicy + (1 - order) * at.logR);
    const total = integral(weight);
    return (at) => (scale * weight(at)) / total;
  };

/** The quantities that several estimators follow; p̃ is the target without its normaliser. */
export const reverseKlObjective: Objective = {
  name: 'KL(π ‖ p)',
  formula: 'E_π[log π − log p]',
  coefficient: pointwise((at) => -pi(at) * at.logR),
};
export const forwardKlObjective: Objective = {
  name: 'KL(p ‖ π)',
  formula: 'E_p[log p − log π]',
  coefficient: pointwise((at) => -Math.exp(at.logTarget)),
};
/** @param order absent for that of any order */
export const renyiObjective = (order?: number): Objective => ({
  name: `Rényi bound of order ${order === undefined ? 'a' : String(order).replace('-', '−')}`,
  formula: '1/(1 − a)·log E_π[(p̃/π)^(1 − a)]',
  ...(order === undefined ? {} : { coefficient: renyiBound(order) }),
});
export const expectedQObjective: Objective = {
  name: '−E_π[Q]',
  formula: '−E_π[Q(s, a)]',
  coefficient: pointwise((at) => -pi(at) * at.q),
};
export const reverseReferenceKl = {
  name: 'KL(π ‖ π_ref)',
  formula: 'E_π[log π − log π_ref]',
  coefficient: pointwise((at) => pi(at) * (at.logPolicy - at.logReference)),
} as const satisfies Objective;
export const forwardReferenceKl = {
  name: 'KL(π_ref ‖ π)',
  formula: 'E_π_ref[log π_ref − log π]',
  coefficient: pointwise((at) => -Math.exp(at.logReference)),
} as const satisfies Objective;
