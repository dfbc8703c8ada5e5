import type { Device, Recorder, Update } from '../../src/device.ts';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { boltzmann, type Target } from '../../src/divergences/target.ts';
import { boxStretch, lineStretch, trapezoidal } from '../../src/math/quadrature.ts';
import { PolicyLearner } from '../../src/rl/policy-learner.ts';
import { abs, add, exp, mul, neg, softplus, sqrt, square, sub } from '../../src/tape/elementwise.ts';
import { concat, literal, logSumExp, reshape, sliceAxis, sum } from '../../src/tape/index.ts';
import { gradient } from '../../src/tape/state.ts';
import { clockState, type State, type Tensor } from '../../src/tape/tensor.ts';
import {
  ARROWS,
  CLOUD,
  choiceOf,
  divergences,
  type FitSettings,
  type Frame,
  gridAxis,
  spaceOf,
  type TargetSettings,
} from './settings.ts';
import { bumpCount, type Dimensions, type Space } from './targets.ts';

/** Nodes of the quadrature along an axis, and its reach in the coordinate that is stretched to the box or the line. */
const quadrature: Readonly<
  Record<Space, Readonly<Record<Dimensions, { readonly nodes: number; readonly reach: number }>>>
> = {
  box: { 1: { nodes: 385, reach: 8 }, 2: { nodes: 81, reach: 6 } },
  line: { 1: { nodes: 385, reach: 4.5 }, 2: { nodes: 81, reach: 3 } },
};

/** By how much of itself, and of 1, an integral may differ between the rule and that of every second node. */
const RESOLVED = 0.01;

/** How far an arrow goes: the head moves this far, in its own units, before movements are scaled for display. */
const NUDGE = 0.05;

/** One policy without a state, fitted to one target by one estimator: all of it computed on the device. */
export class Fit {
  private step = 0;
  private readonly parameters: number;

  private constructor(
    private readonly device: Device,
    readonly settings: FitSettings,
    private readonly learner: PolicyLearner,
    private readonly update: Update,
    private readonly picture: Update,
    private readonly pictureClock: State,
  ) {
    this.parameters = learner.options.family.parameters(settings.dimensions);
  }

  /** @throws UsageError when estimator and family do not go together */
  static async open(device: Device, settings: FitSettings): Promise<Fit> {
    const { dimensions, seed } = settings;
    const family = distributionFamily(settings.family);
    const choice = choiceOf(settings);
    let step: Tensor | undefined;
    // One constant observation, 0, and no hidden layer: the head is the bias, and nothing else is learned.
    const learner: PolicyLearner = new PolicyLearner({
      observations: 1,
      actions: dimensions,
      family,
      hidden: [],
      activation: 'relu',
      learningRate: settings.learningRate,
      tau: 0.02,
      seed,
      samples: samplesOf(settings),
      estimator: {
        ...choice,
        loss: (input) => {
          const result = choice.loss(input);
          step = gradient(result.loss, learner.policy.parameters);
          return result;
        },
      },
    });
    const parameters = family.parameters(dimensions);
    // Stored actions come one a state, so that K of them are K states.
    const replayed = choice.needs.includes('replayedActions');
    const batch = replayed ? Math.max(2, settings.samples) : 1;
    const update = await device.compile(
      (recorder) => {
        const states = recorder.input('states', [batch, 1]);
        const behaviour =
          replayed || learner.behaviourParameters > 0
            ? recorder.input('behaviour', [batch, parameters])
            : undefined;
        const stored =
          replayed && behaviour ? learner.distributionOf(behaviour).sample(1).actions : undefined;
        const { loss } = learner.recordStep({
          states,
          target: recordTarget(recorder, dimensions),
          ...(behaviour && learner.behaviourParameters > 0 ? { behaviour } : {}),
          ...(stored ? { replayedActions: stored } : {}),
        });
        const head = reshape(learner.policy(literal([0], [1, 1])), [parameters]);
        const slope = sliceAxis(step as Tensor, 1, parameters, 2 * parameters);
        return { report: concat([reshape(loss, [1]), head, reshape(slope, [parameters])], 0) };
      },
      { clock: clockState(seed, 'clock', 'fit'), mlp: 'tiled' },
    );
    const pictureClock = clockState(seed, 'clock', 'fitPicture');
    const picture = await device.compile((recorder) => recordPicture(recorder, settings), {
      clock: pictureClock,
      mlp: 'tiled',
    });
    update.write({
      states: new Float32Array(batch),
      ...(update.program.inputs.has('behaviour') ? { behaviour: new Float32Array(batch * parameters) } : {}),
    });
    const fit = new Fit(device, settings, learner, update, picture, pictureClock);
    const head = firstHead(learner, parameters);
    fit.start(head);
    // The slowly moving copy starts where the policy does, and stays when the policy is put elsewhere.
    if (learner.reference) device.write(learner.reference.parameters, weightsOf(head));
    return fit;
  }

  /** Puts the policy somewhere: head [parameters]. */
  start(head: readonly number[]): void {
    this.device.write(this.learner.policy.parameters, weightsOf(head));
  }

  /** The target from now on. */
  follow({ bumps, temperature }: TargetSettings): void {
    const values = { ...bumps, temperature: [temperature] };
    this.update.write(values);
    this.picture.write(values);
  }

  /** Takes `steps` gradient steps and computes a picture of what came of them. */
  async advance(steps: number): Promise<Frame> {
    const { dimensions } = this.settings;
    this.update.run(steps);
    this.step += steps;
    const report = await this.update.read('report');
    const [loss] = report;
    const head = report.slice(1, 1 + this.parameters);
    const slope = report.slice(1 + this.parameters);
    const now = await this.draw(head);
    const length = Math.hypot(...slope);
    const nudged = head.map((value, i) => value - (length > 0 ? (NUDGE * slope[i]) / length : 0));
    const moved = await this.draw(nudged);
    const grid = gridAxis(dimensions, spaceOf(this.learner.options.family)).length ** dimensions;
    const counts = [divergences.length + 1, divergences.length + 1, 1, CLOUD * dimensions, grid, grid];
    const [fine, coarse, share, cloud, policy, target] = split(now, counts);
    const [, , , movedCloud] = split(moved, counts);
    return {
      step: this.step,
      loss,
      divergences: resolved(fine, coarse),
      effectiveSampleShare: share[0],
      cloud,
      arrows: directions(cloud, movedCloud, dimensions),
      policy,
      target,
    };
  }

  /** The picture of a head, from the same draws every time. */
  private async draw(head: ArrayLike<number>): Promise<Float32Array> {
    this.device.write(this.pictureClock, this.pictureClock.initial as Uint32Array);
    this.picture.write({ head });
    this.picture.run();
    return Float32Array.from(await this.picture.read('picture'));
  }

  dispose(): void {
    for (const update of [this.update, this.picture]) {
      update.dispose();
      for (const state of update.program.states) this.device.free(state);
    }
  }
}

/** Estimators that need several samples get as many. */
const samplesOf = (settings: FitSettings): number => {
  const choice = choiceOf(settings);
  if (choice.needs.includes('replayedActions')) return 1;
  return Math.max(settings.samples, choice.minimumSamples);
};

/** Of a network without hidden layers that puts out this head: nothing of the observation, and a bias. */
const weightsOf = (head: readonly number[]): Float32Array =>
  Float32Array.from([...head.map(() => 0), ...head]);

/** Near 0, where any family is about as wide as its space. */
function firstHead(learner: PolicyLearner, parameters: number): number[] {
  const initial = learner.policy.parameters.initial as Float32Array;
  return Array.from(initial.slice(parameters, 2 * parameters), (value) => 0.4 * value);
}

/** The divergences where two rules agree, and the policy's mass, which is beside them, is 1; NaN elsewhere. */
function resolved(fine: Float32Array, coarse: Float32Array): number[] {
  const near = (a: number, b: number) => Math.abs(a - b) <= RESOLVED * (1 + Math.abs(b));
  const whole = near(fine[divergences.length], 1);
  return divergences.map((_, i) => (whole && near(fine[i], coarse[i]) ? fine[i] : Number.NaN));
}

function split(values: Float32Array, counts: readonly number[]): Float32Array[] {
  let at = 0;
  return counts.map((count) => values.slice(at, (at += count)));
}

/** From one cloud to another, the longest of length 1. */
function directions(from: Float32Array, to: Float32Array, dimensions: number): Float32Array {
  const moves = Float32Array.from({ length: ARROWS * dimensions }, (_, i) => to[i] - from[i]);
  let longest = 0;
  for (let i = 0; i < moves.length; i += dimensions)
    longest = Math.max(longest, Math.hypot(...moves.subarray(i, i + dimensions)));
  return longest > 0 ? moves.map((move) => move / longest) : moves;
}

function recordTarget({ input }: Recorder, dimensions: Dimensions): Target {
  const count = bumpCount(dimensions);
  const height = input('height', [count]);
  const curvature = input('curvature', [count]);
  const centre = input('centre', [count, dimensions]);
  const slope = input('slope', [dimensions]);
  const critic = (actions: Tensor): Tensor => {
    const [samples, batch] = actions.shape;
    const distance = sum(square(sub(reshape(actions, [samples, batch, 1, dimensions]), centre)), -1);
    const bumps = logSumExp(sub(height, mul(mul(0.5, curvature), distance)), -1);
    return reshape(add(bumps, sum(mul(slope, actions), -1)), [1, samples, batch]);
  };
  return boltzmann(critic, { temperature: input('temperature', []) });
}

/** Divergences, effective sample size, a cloud and both densities on the grid, as one vector: one readback. */
function recordPicture(recorder: Recorder, { dimensions, family: name }: FitSettings): { picture: Tensor } {
  const family = distributionFamily(name);
  const target = recordTarget(recorder, dimensions);
  const policy = family.make(recorder.input('head', [1, family.parameters(dimensions)]), dimensions);
  const space = spaceOf(family);
  const densities = (points: Tensor) => ({
    logPolicy: policy.logProb(points),
    logTarget: target.logDensityOf(target.critics(points), points),
  });
  const rule = quadratureRule(dimensions, space);
  const nodes = rule.logWeights.length;
  const logWeight = literal(rule.logWeights, [nodes, 1]);
  const atNodes = densities(literal(rule.nodes, [nodes, 1, dimensions]));
  const logNormaliser = logSumExp(add(atNodes.logTarget, logWeight), 0, true);
  const log = { p: sub(atNodes.logTarget, logNormaliser), pi: atNodes.logPolicy };
  const p = exp(log.p);
  const pi = exp(log.pi);
  // log of the mixture's density to either's: log ½(1 + e^±difference)
  const difference = sub(log.pi, log.p);
  const toMixture = (sign: 1 | -1) => sub(Math.LN2, softplus(mul(-sign, difference)));
  const integrands = [
    mul(pi, difference),
    mul(p, neg(difference)),
    mul(0.5, add(mul(pi, toMixture(1)), mul(p, toMixture(-1)))),
    mul(0.5, square(sub(sqrt(p), sqrt(pi)))),
    mul(0.5, abs(sub(p, pi))),
    pi,
  ];
  const exact = [exp(logWeight), literal(rule.coarseWeights, [nodes, 1])].flatMap((weight) =>
    integrands.map((integrand) => reshape(sum(mul(weight, integrand)), [1])),
  );
  const drawn = policy.sample(CLOUD);
  const logWeights = sub(target.logDensityOf(target.critics(drawn.actions), drawn.actions), drawn.logProb);
  const first = logSumExp(logWeights, 0);
  const second = logSumExp(mul(2, logWeights), 0);
  const share = mul(1 / CLOUD, exp(sub(mul(2, first), second)));
  const axis = gridAxis(dimensions, space);
  const cells = axis.length ** dimensions;
  const points = Array.from({ length: cells }, (_, i) =>
    dimensions === 1 ? [axis[i]] : [axis[i % axis.length], axis[Math.floor(i / axis.length)]],
  ).flat();
  const shown = densities(literal(points, [cells, 1, dimensions]));
  const picture = concat(
    [
      ...exact,
      share,
      reshape(drawn.actions, [CLOUD * dimensions]),
      reshape(exp(shown.logPolicy), [cells]),
      reshape(exp(sub(shown.logTarget, logNormaliser)), [cells]),
    ],
    0,
  );
  return { picture };
}

/**
 * The trapezoidal rule in u with a = tanh u over the box, or a = sinh u over the line: product rule in the plane; and the
 * weights of the rule of every second node along each axis.
 */
export function quadratureRule(
  dimensions: Dimensions,
  space: Space,
): { nodes: number[]; logWeights: number[]; coarseWeights: number[] } {
  const { nodes: count, reach } = quadrature[space][dimensions];
  const { at, logSlope } = space === 'box' ? boxStretch : lineStretch();
  const { nodes, weights } = trapezoidal(count, reach);
  const line = nodes.map((u, i) => ({ at: at(u), logWeight: Math.log(weights[i]) + logSlope(u) }));
  const plane = dimensions === 2 ? line.map((second, i) => ({ ...second, i })) : [undefined];
  const points = plane.flatMap((second) => line.map((first, i) => ({ ...first, i, second })));
  return {
    nodes: points.flatMap(({ at, second }) => (second ? [at, second.at] : [at])),
    logWeights: points.map(({ logWeight, second }) => logWeight + (second?.logWeight ?? 0)),
    coarseWeights: points.map(({ i, logWeight, second }) =>
      i % 2 || (second?.i ?? 0) % 2 ? 0 : 2 ** dimensions * Math.exp(logWeight + (second?.logWeight ?? 0)),
    ),
  };
}
