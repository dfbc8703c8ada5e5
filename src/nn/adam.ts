import { requireKnown } from '../arguments.ts';
import { requireOptions, UsageError } from '../errors.ts';
import { adam as kernel } from '../kernels/index.ts';
import { sameShape } from '../math/shape.ts';
import {
  add,
  assign,
  callOf,
  currentRecording,
  div,
  inputAt,
  minimum,
  mul,
  type Op,
  read,
  recordNode,
  requireState,
  requireTensor,
  State,
  shapeError,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
} from '../tape/index.ts';

/** Rates of Adam. */
export interface AdamOptions {
  /** Step size, from 0. */
  readonly learningRate: number;
  /** Decay of the first moment, in [0, 1); 0.9 when absent. */
  readonly beta1?: number;
  /** Decay of the second moment, in [0, 1); 0.999 when absent. */
  readonly beta2?: number;
  /** Added to the root of the second moment, above 0; 1e-8 when absent. */
  readonly epsilon?: number;
  /** From 0; 0 when absent. */
  readonly weightDecay?: number;
  /** Apply the decay to the parameters instead of the gradient (AdamW); false when absent. */
  readonly decoupled?: boolean;
}

/** What goes with one step. */
export interface StepOptions {
  /** A scalar [] that multiplies the gradient, as {@link clipScale} gives; 1 when absent. */
  readonly scale?: Tensor;
  /** Moves a target network after the step: target ← (1 − tau)·target + tau·parameters, in the same kernel; none when absent. */
  readonly target?: {
    /** What is moved. */
    readonly parameters: State;
    /** Rate in [0, 1]. */
    readonly tau: number;
  };
}

/** An optimiser for one flat set of parameters; its moments are states like the parameters themselves. */
export interface Optimiser {
  /** What it moves. */
  readonly parameters: State;
  /** First and second moments [2, parameters], for checkpoints. */
  readonly states: readonly State[];
  /** Records one step. @throws ShapeError unless the gradient has the parameters' shape */
  step(gradient: Tensor, options?: StepOptions): void;
}

interface StepAttributes {
  readonly options: Required<AdamOptions>;
  readonly tau: number;
  readonly states: {
    readonly parameters: State;
    readonly moments: State;
    readonly target?: State;
  };
  readonly hasScale: boolean;
}

/** What every kernel that takes Adam's step is given of its rates. */
export const adamParams = (options: Required<AdamOptions>) => ({
  decoupled: Number(options.decoupled),
  learningRate: options.learningRate,
  beta1: options.beta1,
  beta2: options.beta2,
  beta1Complement: 1 - options.beta1,
  beta2Complement: 1 - options.beta2,
  epsilon: options.epsilon,
  weightDecay: options.weightDecay,
});

/**
 * Inputs: gradient, clock, and the scale if there is one. Writes the parameters, the moments and the target, and notes
 * in the clock when a number is not finite. That is no write to the recording: everything reads the clock as it was.
 */
const adamOp: Op<StepAttributes> = {
  name: 'adam',
  words: [1],
  infer: () => [],
  call: ({ node, attributes: { options, tau, states, hasScale } }) =>
    callOf(
      kernel,
      {
        parameters: { state: states.parameters },
        moments: { state: states.moments },
        gradient: inputAt(0),
        target: states.target ? { state: states.target } : null,
        scale: hasScale ? inputAt(2) : null,
        clock: inputAt(1),
      },
      {
        ...adamParams(options),
        count: node.inputs[0].size,
        hasTarget: Number(states.target !== undefined),
        hasScale: Number(hasScale),
        tau,
        place: node.id,
      },
    ),
};

const known: Readonly<Record<keyof AdamOptions, true>> = {
  learningRate: true,
  beta1: true,
  beta2: true,
  epsilon: true,
  weightDecay: true,
  decoupled: true,
};

/** The options with their defaults. @throws UsageError for rates outside their range */
export function adamRates(options: AdamOptions): Required<AdamOptions> {
  requireKnown('adam', options, known, 'adam(network.parameters, { learningRate: 1e-3 })');
  const {
    learningRate,
    beta1 = 0.9,
    beta2 = 0.999,
    epsilon = 1e-8,
    weightDecay = 0,
    decoupled = false,
  } = requireOptions('adam', options, 'learningRate');
  if (
    !(
      learningRate >= 0 &&
      Number.isFinite(learningRate) &&
      beta1 >= 0 &&
      beta1 < 1 &&
      beta2 >= 0 &&
      beta2 < 1 &&
      epsilon > 0 &&
      Number.isFinite(epsilon) &&
      weightDecay >= 0 &&
      Number.isFinite(weightDecay)
    )
  ) {
    throw new UsageError(
      `adam: learningRate ${learningRate}, beta1 ${beta1}, beta2 ${beta2}, epsilon ${epsilon}, weightDecay ${weightDecay} are not all in range`,
    );
  }
  return { learningRate, beta1, beta2, epsilon, weightDecay, decoupled };
}

/**
 * Adam, or AdamW with `decoupled`. The step count is the program's clock, which counts its updates.
 *
 * @throws UsageError for rates outside their range, or an unknown option
 * @source Kingma & Ba 2015, algorithm 1; Loshchilov & Hutter 2019 for the decoupled decay
 */
export function adam(parameters: State, options: AdamOptions): Optimiser {
  requireState('adam', parameters);
  const full = adamRates(options);
  const moments = new State(`${parameters.name}.moments`, [2, parameters.size]);
  return {
    parameters,
    states: [moments],
    step(gradient, { scale, target } = {}) {
      requireTensor('adam', gradient);
      if (gradient.size !== parameters.size)
        throw shapeError('adam', [gradient], `'${parameters.name}' has shape [${parameters.shape}]`);
      if (target) requireRate(target.tau);
      if (target && !sameShape(target.parameters.shape, parameters.shape)) {
        throw new UsageError(
          `target '${target.parameters.name}' does not have the shape of '${parameters.name}'`,
        );
      }
      if (target?.parameters === parameters) {
        throw new UsageError(`'${parameters.name}' cannot be its own target.`, {
          hint: 'Give a state of its own, or leave the target out.',
        });
      }
      const states = { parameters, moments, ...(target ? { target: target.parameters } : {}) };
      const inputs = [gradient, currentRecording().clock(), ...(scale ? [scale] : [])];
      const attributes: StepAttributes = {
        options: full,
        tau: target?.tau ?? 0,
        states,
        hasScale: scale !== undefined,
      };
      recordNode(adamOp, inputs, attributes, [parameters, moments, ...(target ? [target.parameters] : [])]);
    },
  };
}

function requireRate(tau: number): void {
  if (!(tau >= 0 && tau <= 1)) throw new UsageError(`tau must be a number from 0 to 1; got ${tau}.`);
}

/** √Σ g² over all the gradients, which may have any shapes: a scalar []. */
export function globalNorm(gradients: readonly Tensor[]): Tensor {
  const squares = gradients.map((gradient) => sum(square(gradient)));
  return sqrt(squares.reduce((total, square) => add(total, square)));
}

/** The factor min(1, maxNorm/(norm + 1e-6)) that limits a gradient's global norm: [] from [], for `step`'s `scale`. */
export function clipScale(norm: Tensor, maxNorm: number): Tensor {
  return minimum(1, div(maxNorm, add(norm, 1e-6)));
}

/** target ← (1 − tau)·target + tau·online, both of one shape. @throws UsageError unless tau is from 0 to 1, ShapeError for another shape */
export function polyak(target: State, online: Tensor, tau: number): void {
  requireRate(tau);
  const old = read(target);
  assign(target, add(old, mul(tau, sub(online, old))));
}
