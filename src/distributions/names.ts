// The names that come with the library, for editors to complete. Tests hold them against the registry.

/** Families that come with the library. */
export const distributionNames = [
  'gaussian',
  'tanh-gaussian',
  'gaussian-full',
  'laplace',
  'student-t',
  'logistic',
  'beta',
  'gaussian-mixture',
  'tanh-gaussian-mixture',
  'categorical',
  'relaxed-categorical',
  'deterministic',
] as const;

/** A name of `distributionFamily`: one of these, or one that was registered. */
export type DistributionName = (typeof distributionNames)[number] | (string & {});
