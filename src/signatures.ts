// Types that the signatures of the public API are made of, so that what a function takes and gives can be named.

export type { DeviceBuffer, Executable, Room } from './backend/backend.ts';
export type { BoxDensity, EntropyRange } from './distributions/distribution.ts';
export type { Label } from './divergences/estimator.ts';
export type { Looking } from './divergences/exact.ts';
export type { Coefficient, Objective, Point as ObjectivePoint } from './divergences/objective.ts';
export type { Instance, Model } from './envs/mujoco/engine.ts';
export type { CompiledModel, Simulation } from './envs/mujoco/simulation.ts';
export type { Soon } from './envs/vector.ts';
export type { Params } from './kernels/layout.ts';
export type { Matrix } from './math/matrix.ts';
export type { EarlierState } from './math/philox.ts';
export type { Shape as TensorShape } from './math/shape.ts';
export type { View } from './math/view.ts';
export type { Bounds } from './measure/knee.ts';
export type { ScalingEnd } from './measure/scaling.ts';
export type { OnProgress } from './measure/timing.ts';
export type { MlpShape } from './nn/mlp-op.ts';
export type { Stage } from './program/passes/pass.ts';
export type { ProgramBuffer, ProgramPort, Slot } from './program/program.ts';
export type {
  CountedStep,
  Expression,
  GeneratedKernel,
  JoinedStep,
  Work as StepWork,
} from './program/steps.ts';
export type { Chosen } from './rl/actor-critic.ts';
export type { PolicyStep } from './rl/policy-learner.ts';
export type { Binary, Operand, Unary } from './tape/elementwise.ts';
export type { Axes, ReductionKind } from './tape/reductions.ts';
export type { Node, RecordingOptions } from './tape/tensor.ts';
export type { UpdateParts } from './update.ts';
