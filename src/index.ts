// The public API: an update is recorded by these functions inside `device.compile`, and replayed by what it returns.

export type { Backend, BackendName, Counters, Values } from './backend/backend.ts';
export type { Precision } from './backend/cpu/backend.ts';
export type { KernelAddress, SimdVariant, WasmOptions } from './backend/wasm/options.ts';
export type { AdapterSource, WebGpuOptions } from './backend/webgpu/options.ts';
export type { Checked } from './check/confirm.ts';
export { checkEnvironment } from './check/environment.ts';
export { type CheckEstimatorOptions, checkEstimator } from './check/estimator.ts';
export { checkFamily } from './check/family.ts';
export { type CompileOptions, Device, type Recorder, type TracedStep, Update } from './device.ts';
export type {
  Capabilities,
  Distribution,
  DistributionFamily,
  FamilyOptions,
  Sample,
  SampleOptions,
} from './distributions/distribution.ts';
export { type DistributionName, distributionNames } from './distributions/names.ts';
export { distributionFamilies, distributionFamily, registerFamily } from './distributions/registry.ts';
export {
  type Estimator,
  type EstimatorChoice,
  type EstimatorInput,
  type EstimatorResult,
  missingNeeds,
  type Need,
  needTitles,
  type Quality,
  requireCompatible,
  type Variant,
} from './divergences/estimator.ts';
export { type FDivergence, fDivergence } from './divergences/f-divergence.ts';
export { type EstimatorName, estimatorNames } from './divergences/names.ts';
export {
  baselineEstimator,
  chooseEstimator,
  estimatorChoices,
  estimators,
  registerEstimator,
} from './divergences/registry.ts';
export { saturated } from './divergences/saturate.ts';
export { type BoltzmannOptions, boltzmann, type Target } from './divergences/target.ts';
export { bimodalModes, bimodalReward } from './envs/bimodal-bandit.ts';
export type { Environment, EnvironmentState, Space, Transition } from './envs/environment.ts';
export { EpisodicEnvironment, type Outcome } from './envs/episodic.ts';
export {
  dampedMass,
  LinearQuadratic,
  type LinearQuadraticOptions,
  type LinearQuadraticSystem,
} from './envs/linear-quadratic.ts';
export {
  type SoftOptimum,
  type SoftOptimumOptions,
  softOptimalLinearQuadratic,
} from './envs/linear-quadratic-optimum.ts';
export type { MujocoEnvironment } from './envs/mujoco/base.ts';
export type { PhysicsArrays } from './envs/mujoco/engine.ts';
export { fromMjcf, type MjcfOptions, type MjcfStep } from './envs/mujoco/mjcf.ts';
export { type MujocoLoader, mujocoFrom } from './envs/mujoco/source.ts';
export { type EnvironmentName, environmentNames } from './envs/names.ts';
export {
  type EnvironmentEntry,
  environments,
  makeEnvironment,
  prepareEnvironment,
  registerEnvironment,
} from './envs/registry.ts';
export type { Point, Scene, Shape, Tone } from './envs/scene.ts';
export { LocalVector, type VectorEnvironment, type VectorTransition } from './envs/vector.ts';
export {
  BackendError,
  CheckError,
  CheckpointError,
  type CheckpointFault,
  DataError,
  type DeviceDetails,
  type DeviceFault,
  DivergradError,
  EnvironmentError,
  type ErrorDetails,
  NumericsError,
  type ProbeDetails,
  ProbeError,
  ShapeError,
  UsageError,
} from './errors.ts';
export { type PhiloxState, PhiloxStream } from './math/philox.ts';
export { type Interval, median, medianInterval, quantile } from './math/statistics.ts';
export { type Agreement, agreementLine } from './measure/agreement.ts';
export {
  type CostOptions,
  type CostReport,
  type CostRow,
  type CostSettings,
  costDefaults,
  type KernelShare,
  measureCost,
  type UpdateCost,
  usualEstimators,
  type WrongRow,
} from './measure/cost.ts';
export { type HalfCost, measureHalf } from './measure/half-cost.ts';
export {
  measureScaling,
  type ScalingAxis,
  type ScalingLaw,
  type ScalingOptions,
  type ScalingReport,
  scalingAxes,
  scalingDefaults,
} from './measure/scaling.ts';
export { measureWholeUpdate, type WholeUpdateCost, type WholeUpdateOptions } from './measure/update-cost.ts';
export { type Activation, activate } from './nn/activation.ts';
export {
  type AdamOptions,
  adam,
  clipScale,
  globalNorm,
  type Optimiser,
  polyak,
  type StepOptions,
} from './nn/adam.ts';
export { layerNormalise, type MlpOptions, mlp, type Network, type ParameterEntry } from './nn/mlp.ts';
export { crossoverFlops, expectedMs, measureSpeed, type Speed, type Work } from './open/crossover.ts';
export {
  type BackendChoice,
  backendNames,
  OpenedDevice,
  type OpenOptions,
  open,
} from './open/open.ts';
export type { Fault } from './program/fault.ts';
export { type ProgramMemory, programMemory } from './program/memory.ts';
export { type GeneratedStep, type KernelStep, Program, type Step } from './program/program.ts';
export type { ActionKind } from './rl/actions.ts';
export {
  ActorCritic,
  type ActorCriticOptions,
  actorCriticDefaults,
  type CriticTarget,
} from './rl/actor-critic.ts';
export type { Checkpoint, CheckpointOptions, CheckpointSettings } from './rl/checkpoint.ts';
export { decodeCheckpoint, encodeCheckpoint } from './rl/checkpoint-format.ts';
export type { Evaluation } from './rl/evaluation.ts';
export { Evaluator, evaluationSeeds } from './rl/evaluator.ts';
export { explainFault } from './rl/explain-fault.ts';
export { type ActOptions, loadPolicy, Policy, type PolicyDescription } from './rl/policy.ts';
export { type PolicyFile, parsePolicy, SavedPolicy, type SavedSpace, savePolicy } from './rl/policy-file.ts';
export { type PolicyBatch, PolicyLearner, type PolicyLearnerOptions } from './rl/policy-learner.ts';
export { compileUpdate, replayFor, trainingWork } from './rl/recorded-update.ts';
export { type RecoveryOptions, trainRecovering } from './rl/recovery.ts';
export {
  ReplayBuffer,
  type ReplayContents,
  type ReplayOptions,
  type StoredTransition,
  type TransitionBatch,
} from './rl/replay.ts';
export { decodeSafetensors, encodeSafetensors, type NamedArray, type Safetensors } from './rl/safetensors.ts';
export { train } from './rl/train.ts';
export { type TrainOptions, trainDefaults } from './rl/train-options.ts';
export type * from './signatures.ts';

export {
  abs,
  add,
  clamp,
  constant,
  cos,
  digamma,
  div,
  elu,
  equal,
  erf,
  exp,
  expm1,
  geluErf,
  geluTanh,
  greater,
  greaterEqual,
  log,
  log1p,
  logGamma,
  logSigmoid,
  maximum,
  minimum,
  mul,
  neg,
  pow,
  reciprocal,
  relu,
  sigmoid,
  sign,
  silu,
  sin,
  softplus,
  sqrt,
  square,
  sub,
  tanh,
  trigamma,
  where,
} from './tape/elementwise.ts';
export { grad } from './tape/grad.ts';
export {
  argMax,
  broadcastTo,
  concat,
  gather,
  indexSelect,
  literal,
  logMeanExp,
  logSoftmax,
  logSumExp,
  matmul,
  max,
  mean,
  min,
  reshape,
  slice,
  sliceAxis,
  softmax,
  stack,
  stopGradient,
  sum,
  transpose,
} from './tape/index.ts';
export { randomBits, randomNormal, randomUniform } from './tape/random.ts';
export { assign, gradient } from './tape/state.ts';
export { clockState, type DType, type MlpKernels, read, State, Tensor } from './tape/tensor.ts';
export { version } from './version.ts';
