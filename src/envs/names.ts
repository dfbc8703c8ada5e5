// The names that come with the library, for editors to complete. Tests hold them against the registry.

/** Environments that come with the library. */
export const environmentNames = [
  'pendulum',
  'mountain-car-continuous',
  'cartpole',
  'acrobot',
  'mountain-car',
  'linear-quadratic',
  'bimodal-bandit',
  'inverted-pendulum',
  'inverted-double-pendulum',
  'reacher',
  'swimmer',
  'hopper',
  'half-cheetah',
  'walker2d',
  'ant',
  'humanoid',
] as const;

/** A name of `makeEnvironment`: one of these, or one that was registered. */
export type EnvironmentName = (typeof environmentNames)[number] | (string & {});
