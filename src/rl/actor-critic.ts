import { namesOf, requireKnown } from '../arguments.ts';
import type { Distribution, DistributionFamily, FamilyOptions } from '../distributions/distribution.ts';
import { type EstimatorChoice, requireChoice, requireFamily } from '../divergences/estimator.ts';
import { penaltyHint } from '../divergences/penalised.ts';
import { boltzmann, minimumOf } from '../divergences/target.ts';
import { quoted, requireOptions, UsageError, unknownName } from '../errors.ts';
import { type Activation, adam, mlp, type Network, type Optimiser } from '../nn/index.ts';
import {
  broadcastTo,
  exp,
  gradient,
  mean,
  mul,
  neg,
  read,
  requireShape,
  reshape,
  State,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
} from '../tape/index.ts';
import { type ActionKind, executedActions } from './actions.ts';
import { lossReads } from './loss-reads.ts';
import { PolicyLearner } from './policy-learner.ts';
import { requireRanges } from './ranges.ts';
import type { TransitionBatch } from './replay.ts';
import { softBellmanLoss } from './soft-bellman.ts';
import {
  defaultTargetEntropy,
  fixedTemperature,
  requireReachable,
  type TemperatureOptimiser,
  temperatureOptimiser,
  untunable,
} from './temperature.ts';

/** A learner; what is absent is that of {@link actorCriticDefaults}. */
export interface ActorCriticOptions {
  /** Numbers of an observation. */
  readonly observations: number;
  /** What it controls: `{ kind: 'box', size }` coordinates or `{ kind: 'discrete', size }` choices. */
  readonly actions: ActionKind;
  /** Of the gradient of the policy's loss. */
  readonly estimator: EstimatorChoice;
  /** Distribution of the actions. */
  readonly family: DistributionFamily;
  /** Bounds of log-std; those of the family when absent. */
  readonly familyOptions?: FamilyOptions;
  /** Actions sampled for each state in the policy's loss; the estimator's default when absent. */
  readonly samples?: number;
  /** Widths of the hidden layers of policy and critics; [64, 64] when absent. */
  readonly hidden?: readonly number[];
  /** Of the hidden layers; `relu` when absent. */
  readonly activation?: Activation;
  /** γ in [0, 1]; 0.99 when absent. */
  readonly discount?: number;
  /** Rate of the target critics in [0, 1]: target ← (1 − tau)·target + tau·critics; 0.005 when absent. */
  readonly tau?: number;
  /** Of Adam, for all parts; 1e-3 when absent. */
  readonly learningRate?: number;
  /** Rates that differ from `learningRate`; none when absent. */
  readonly learningRates?: {
    /** When absent, `learningRate`. */
    readonly policy?: number;
    /** When absent, `learningRate`. */
    readonly critics?: number;
    /** When absent, `learningRate`. */
    readonly temperature?: number;
  };
  /**
   * Fixed, in the unit of Q, or tuned from `initialTemperature` to the target entropy. When absent it is tuned where that
   * works, and else 0.05.
   */
  readonly temperature?: number | 'auto';
  /** Where tuning begins, in the unit of Q; 1 when absent. */
  readonly initialTemperature?: number;
  /** Nats; when absent: log(choices)/2 of choices, −1 a coordinate of a box, or what the family can reach. */
  readonly targetEntropy?: number;
  /** {@link CriticTarget}: the expectation where actions can be enumerated, when absent. */
  readonly criticTarget?: CriticTarget;
  /** Of all initial weights; 0 when absent. */
  readonly seed?: number;
}

/**
 * The value of the next state in the critics' target: that of one sampled action, or its expectation
 * Σ_a π(a|s′)(min Q′(s′, a) − α log π(a|s′)) over all of them.
 *
 * @source Christodoulou 2019, "Soft actor-critic for discrete action settings", for the expectation
 */
export type CriticTarget = 'expectation' | 'sample';

export const criticTargets: readonly CriticTarget[] = ['expectation', 'sample'];

/** The options of a learner where none are given. */
export const actorCriticDefaults = {
  hidden: [64, 64] as readonly number[],
  activation: 'relu' as Activation,
  discount: 0.99,
  tau: 0.005,
  learningRate: 1e-3,
  initialTemperature: 1,
  seed: 0,
};

const known: Readonly<Record<keyof ActorCriticOptions, true>> = {
  observations: true,
  actions: true,
  estimator: true,
  family: true,
  familyOptions: true,
  samples: true,
  learningRates: true,
  temperature: true,
  targetEntropy: true,
  criticTarget: true,
  ...namesOf(actorCriticDefaults),
};

function requireActionKind(given: ActionKind): void {
  if (given?.kind === 'box' || given?.kind === 'discrete') return;
  throw new UsageError(`actions is ${quoted(given)}; it must say its kind.`, {
    hint: "Write actions: { kind: 'box', size: 1 } for coordinates, { kind: 'discrete', size: 2 } for choices.",
  });
}

/** What is chosen by estimator and distribution where it is not given. */
export interface Chosen {
  readonly temperature: number | 'auto';
  readonly criticTarget: CriticTarget;
}

/**
 * How a learner gets its temperature: as asked, else tuned where that works, else `fixedTemperature`.
 *
 * @throws UsageError when the loss never reads the critics, or tuning is asked for and cannot work
 */
export function temperatureMode({
  estimator,
  family,
  familyOptions,
  actions,
  temperature,
}: Pick<ActorCriticOptions, 'estimator' | 'family' | 'familyOptions' | 'actions' | 'temperature'>):
  | number
  | 'auto' {
  const reads = lossReads(estimator, family, actions.size, familyOptions);
  if (!reads.critics) {
    const hint = penaltyHint(estimator, family);
    throw new UsageError(
      `'${estimator.name}' never reads the critics: trained by it alone, a policy learns nothing of the reward.`,
      hint === undefined ? {} : { hint },
    );
  }
  if (temperature !== undefined && temperature !== 'auto') {
    requireRanges('ActorCritic', { temperature });
    return temperature;
  }
  const why = untunable(
    { name: estimator.name, readsTemperature: reads.temperature },
    family,
    actions.size,
    familyOptions,
  );
  if (temperature === 'auto' && why) {
    throw new UsageError(`The temperature cannot be tuned: ${why}.`, {
      hint: `Give it as a number; where none is asked for, it is ${fixedTemperature}.`,
    });
  }
  return why ? fixedTemperature : 'auto';
}

/**
 * As asked, else the expectation where actions can be enumerated.
 *
 * @throws UsageError for an expectation over actions that cannot be, or an unknown name
 */
export function criticTargetOf({
  family,
  criticTarget,
}: Pick<ActorCriticOptions, 'family' | 'criticTarget'>): CriticTarget {
  const { discrete } = family.capabilities;
  if (criticTarget !== undefined && !criticTargets.includes(criticTarget))
    throw unknownName('critic target', String(criticTarget), criticTargets);
  if (criticTarget === 'expectation' && !discrete) {
    throw new UsageError(`The actions of '${family.name}' cannot be enumerated for the critics' target.`, {
      hint: "Use criticTarget 'sample'.",
    });
  }
  return criticTarget ?? (discrete ? 'expectation' : 'sample');
}

/**
 * Policy, twin soft critics with targets, and temperature, with one recorded update of all of them. Only the
 * policy's loss depends on the estimator; everything else is the same for all.
 *
 * @throws UsageError when estimator and distribution, or distribution and actions, do not go together
 * @source Haarnoja et al. 2018 (SAC), with the tuned temperature of its second version (1812.05905, section 5)
 */
export class ActorCritic {
  /** The policy with what its estimator needs beside it. */
  readonly policyLearner: PolicyLearner;
  /** Twin critics: states, and actions of a box, to [2, batch, 1 or choices]. */
  readonly critics: Network;
  /** Copies that follow slowly. */
  readonly targetCritics: Network;
  /** [] log α */
  readonly logTemperature: State;
  readonly options: ActorCriticOptions & typeof actorCriticDefaults & Chosen;
  /** Nats. */
  readonly targetEntropy: number;
  private readonly optimisers: { readonly critics: Optimiser; readonly temperature: TemperatureOptimiser };

  constructor(options: ActorCriticOptions) {
    requireKnown(
      'ActorCritic',
      options,
      known,
      'new ActorCritic({ observations, actions, estimator, family })',
    );
    requireOptions('ActorCritic', options, 'observations', 'actions', 'estimator', 'family');
    requireChoice(options.estimator);
    requireFamily(options.family);
    requireActionKind(options.actions);
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    const full = { ...actorCriticDefaults, ...(given as unknown as ActorCriticOptions) };
    const { observations, actions, estimator, family, familyOptions, hidden, activation, seed } = full;
    const rates = full.learningRates ?? {};
    requireRanges('ActorCritic', {
      observations,
      actions: actions.size,
      hidden,
      samples: full.samples,
      discount: full.discount,
      tau: full.tau,
      learningRate: [full.learningRate, ...Object.values(rates)],
      initialTemperature: full.initialTemperature,
      targetEntropy: full.targetEntropy,
      seed,
    });
    if (family.capabilities.actionKind !== actions.kind) {
      throw new UsageError(`The distribution '${family.name}' does not fit ${actions.kind} actions.`, {
        hint: actions.kind === 'discrete' ? "Use 'categorical'." : "Use 'tanh-gaussian'.",
      });
    }
    const temperature = temperatureMode(full);
    this.options = { ...full, temperature, criticTarget: criticTargetOf(full) };
    this.policyLearner = new PolicyLearner({
      observations,
      actions: actions.size,
      estimator,
      family,
      hidden,
      activation,
      tau: full.tau,
      seed,
      learningRate: rates.policy ?? full.learningRate,
      ...(familyOptions ? { familyOptions } : {}),
      ...(full.samples === undefined ? {} : { samples: full.samples }),
    });
    const discrete = actions.kind === 'discrete';
    if (full.targetEntropy !== undefined)
      requireReachable(full.targetEntropy, family, actions.size, familyOptions);
    this.targetEntropy = full.targetEntropy ?? defaultTargetEntropy(family, actions.size, familyOptions);
    // A choice has one output each; a box action is an input beside the state.
    const [inputs, outputs] = discrete ? [observations, actions.size] : [observations + actions.size, 1];
    const critic = { inputs, hidden, outputs, activation, nets: 2, seed, purpose: 'critics' as const };
    this.critics = mlp({ ...critic, name: 'critics' });
    this.targetCritics = mlp({ ...critic, name: 'targetCritics' });
    const initial = temperature === 'auto' ? full.initialTemperature : temperature;
    this.logTemperature = new State('logTemperature', [], Float32Array.of(Math.log(initial)));
    this.optimisers = {
      critics: adam(this.critics.parameters, { learningRate: rates.critics ?? full.learningRate }),
      temperature: temperatureOptimiser(this.logTemperature, {
        learningRate: rates.temperature ?? full.learningRate,
        targetEntropy: this.targetEntropy,
      }),
    };
  }

  get policy(): Network {
    return this.policyLearner.policy;
  }

  get samples(): number {
    return this.policyLearner.samples;
  }

  /** Every state of the learner, for checkpoints. */
  get states(): State[] {
    const optimisers = Object.values(this.optimisers).flatMap((optimiser) => optimiser.states);
    const own = [this.critics.parameters, this.targetCritics.parameters, this.logTemperature];
    return [...this.policyLearner.states, ...own, ...optimisers];
  }

  /** The policy's distribution at states [batch, observations]. */
  distribution(states: Tensor): Distribution {
    return this.policyLearner.distribution(states);
  }

  /**
   * Critics at actions [samples, batch, actions] → [critics, samples, batch]. Choices weigh the critic's outputs:
   * one-hot picks one, relaxed ones mix them.
   */
  criticsAt(critics: Network, states: Tensor, actions: Tensor): Tensor {
    const [samples, batch] = actions.shape;
    requireShape('criticsAt', actions, [samples, states.shape[0], this.options.actions.size], 'actions');
    if (this.options.actions.kind === 'box') return reshape(critics(states, actions), [2, samples, batch]);
    const all = reshape(critics(states), [2, 1, batch, actions.shape[2]]);
    return sum(mul(all, actions), -1);
  }

  /**
   * Records one update on a batch: critics by the soft Bellman error, the policy by the estimator's loss under
   * the updated critics, the temperature, and the targets. The temperature is that of the start of the update.
   *
   * @param noise replaces the fresh draws, for tests against references
   * @returns scalars to report
   */
  recordUpdate(
    batch: TransitionBatch,
    noise: { readonly next?: Tensor; readonly policy?: Tensor } = {},
  ): Record<string, Tensor> {
    const { discount, tau, temperature: mode, actions } = this.options;
    const temperature = exp(read(this.logTemperature));
    const size = batch.states.shape[0];
    const replayedActions = reshape(batch.actions, [1, size, actions.size]);

    const next = this.nextValue(batch.nextStates, noise.next);
    const bellman = softBellmanLoss({
      rows: batch.rows,
      rewardColumn: batch.rewardColumn,
      terminatedColumn: batch.terminatedColumn,
      nextLogProb: stopGradient(next.logProb),
      nextQ: stopGradient(next.q),
      q: reshape(this.criticsAt(this.critics, batch.states, replayedActions), [2, size]),
      temperature,
      discount,
    });
    const target = { parameters: this.targetCritics.parameters, tau };
    this.optimisers.critics.step(gradient(bellman.loss, this.critics.parameters), { target });

    const result = this.policyLearner.recordStep({
      states: batch.states,
      target: boltzmann((chosen) => this.judged(batch.states, chosen), { temperature }),
      replayedActions,
      ...(batch.behaviour ? { behaviour: batch.behaviour } : {}),
      ...(noise.policy ? { noise: noise.policy } : {}),
    });

    const { negativeEntropy } = result;
    const entropy =
      mode === 'auto' ? this.optimisers.temperature.step(negativeEntropy) : neg(mean(negativeEntropy));
    return { criticLoss: bellman.loss, policyLoss: result.loss, entropy, temperature, ...result.diagnostics };
  }

  /** The family's actions as they are executed. */
  private executed(actions: Tensor): Tensor {
    const { family, actions: kind } = this.options;
    const already = kind.kind === 'box' ? family.capabilities.bounded : family.capabilities.discrete;
    return already ? actions : executedActions(kind, actions);
  }

  /**
   * Critics at actions of the policy's loss [samples, batch, actions] → [critics, samples, batch]. Relaxed choices mix the
   * critic's outputs, which carries their gradient. Beyond the box, Q is that of the face, less the squared distance to it
   * in the unit of Q: without that the target would have no finite mass there, nor any gradient back.
   */
  private judged(states: Tensor, actions: Tensor): Tensor {
    const { family, actions: kind } = this.options;
    if (kind.kind === 'discrete' || family.capabilities.bounded)
      return this.criticsAt(this.critics, states, actions);
    const executed = this.executed(actions);
    const beyond = sum(square(sub(actions, executed)), -1);
    return sub(this.criticsAt(this.critics, states, executed), beyond);
  }

  /**
   * What the soft value min Q′ − α log π of the next states is made of.
   *
   * @returns log π(a′|s′) in nats [batch] and the target critics [2, batch]: of a sampled action, or both expected
   */
  private nextValue(states: Tensor, noise: Tensor | undefined): { logProb: Tensor; q: Tensor } {
    const size = states.shape[0];
    const policy = this.distribution(states);
    if (this.options.criticTarget === 'expectation' && policy.support && policy.entropy) {
      const all = policy.support();
      const least = minimumOf(this.criticsAt(this.targetCritics, states, all.actions));
      const expected = sum(mul(exp(all.logProb), least), 0);
      return { logProb: neg(policy.entropy()), q: broadcastTo(expected, [2, size]) };
    }
    const next = policy.sample(1, noise ? { noise } : {});
    const q = this.criticsAt(this.targetCritics, states, this.executed(next.actions));
    return { logProb: reshape(next.logProb, [size]), q: reshape(q, [2, size]) };
  }
}
