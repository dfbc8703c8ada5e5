/** A quantity whose gradient the mean of an estimator is. */
export interface Objective {
  readonly name: string;
  readonly formula: string;
}

/** The quantities that several estimators follow; p̃ is the target without its normaliser. */
export const reverseKlObjective: Objective = { name: 'KL(π ‖ p)', formula: 'E_π[log π − log p]' };
export const forwardKlObjective: Objective = { name: 'KL(p ‖ π)', formula: 'E_p[log p − log π]' };
export const renyiObjective = (order: string): Objective => ({
  name: `Rényi bound of order ${order}`,
  formula: '1/(1 − a)·log E_π[(p̃/π)^(1 − a)]',
});
export const expectedQObjective: Objective = { name: '−E_π[Q]', formula: '−E_π[Q(s, a)]' };
export const reverseReferenceKl: Objective = {
  name: 'KL(π ‖ π_ref)',
  formula: 'E_π[log π − log π_ref]',
};
export const forwardReferenceKl: Objective = {
  name: 'KL(π_ref ‖ π)',
  formula: 'E_π_ref[log π_ref − log π]',
};
