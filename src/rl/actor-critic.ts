import type { Distribution, DistributionFamily, FamilyOptions } from '../distributions/distribution.ts';
import type { EstimatorChoice } from '../divergences/estimator.ts';
import { boltzmann } from '../divergences/target.ts';
import { UsageError } from '../errors.ts';
import { type Activation, adam, mlp, type Network, type Optimiser } from '../nn/index.ts';
import {
  exp,
  gradient,
  mean,
  mul,
  neg,
  read,
  reshape,
  State,
  stopGradient,
  sum,
  type Tensor,
} from '../tape/index.ts';
import { PolicyLearner } from './policy-learner.ts';
import type { TransitionBatch } from './replay.ts';
import { softBellmanLoss } from './soft-bellman.ts';
import { type TemperatureOptimiser, temperatureOptimiser } from './temperature.ts';

/** What the learner controls: coordinates in [−1, 1], or a choice. */
export type ActionKind =
  | { readonly kind: 'box'; readonly size: number }
  | { readonly kind: 'discrete'; readonly size: number };

export interface ActorCriticOptions {
  readonly observations: number;
  readonly actions: ActionKind;
  readonly estimator: EstimatorChoice;
  readonly family: DistributionFamily;
  readonly familyOptions?: FamilyOptions;
  /** Actions sampled for each state in the policy's loss; the estimator's default when absent. */
  readonly samples?: number;
  readonly hidden?: readonly number[];
  readonly activation?: Activation;
  readonly discount?: number;
  /** Rate of the target critics. */
  readonly tau?: number;
  readonly learningRate?: number;
  /** Rates that differ from `learningRate`. */
  readonly learningRates?: {
    readonly policy?: number;
    readonly critics?: number;
    readonly temperature?: number;
  };
  /** Fixed, in the unit of Q, or tuned from `initialTemperature` to the target entropy. */
  readonly temperature?: number | 'auto';
  readonly initialTemperature?: number;
  /** Nats; −actions for a box, half of log(choices) for a choice when absent. */
  readonly targetEntropy?: number;
  readonly seed?: number;
}

export const actorCriticDefaults = {
  hidden: [64, 64] as readonly number[],
  activation: 'relu' as Activation,
  discount: 0.99,
  tau: 0.005,
  learningRate: 1e-3,
  temperature: 'auto' as number | 'auto',
  initialTemperature: 1,
  seed: 0,
};

/**
 * Policy, twin soft critics with targets, and temperature, with one recorded update of all of them. Only the
 * policy's loss depends on the estimator; everything else is the same for all.
 *
 * @throws UsageError when estimator and distribution, or distribution and actions, do not go together
 * @source Haarnoja et al. 2018 (SAC), with the tuned temperature of its second version (1812.05905, section 5)
 */
export class ActorCritic {
  readonly policyLearner: PolicyLearner;
  readonly critics: Network;
  readonly targetCritics: Network;
  /** [] log α */
  readonly logTemperature: State;
  readonly options: ActorCriticOptions & typeof actorCriticDefaults;
  readonly targetEntropy: number;
  private readonly optimisers: { readonly critics: Optimiser; readonly temperature: TemperatureOptimiser };

  constructor(options: ActorCriticOptions) {
    const full = { ...actorCriticDefaults, ...options };
    this.options = full;
    const { observations, actions, estimator, family, hidden, activation, learningRate, tau, seed } = full;
    if (family.capabilities.actionKind !== actions.kind) {
      throw new UsageError(`The distribution '${family.name}' does not fit ${actions.kind} actions.`, {
        hint: actions.kind === 'discrete' ? "Use 'categorical'." : "Use 'tanh-gaussian'.",
      });
    }
    const rates = full.learningRates ?? {};
    this.policyLearner = new PolicyLearner({
      observations,
      actions: actions.size,
      estimator,
      family,
      hidden,
      activation,
      tau,
      seed,
      learningRate: rates.policy ?? learningRate,
      ...(full.familyOptions ? { familyOptions: full.familyOptions } : {}),
      ...(full.samples === undefined ? {} : { samples: full.samples }),
    });
    const discrete = actions.kind === 'discrete';
    this.targetEntropy = options.targetEntropy ?? (discrete ? 0.5 * Math.log(actions.size) : -actions.size);
    // A choice has one output each; a box action is an input beside the state.
    const [inputs, outputs] = discrete ? [observations, actions.size] : [observations + actions.size, 1];
    const critic = { inputs, hidden, outputs, activation, nets: 2, seed, purpose: 'critics' as const };
    this.critics = mlp({ ...critic, name: 'critics' });
    this.targetCritics = mlp({ ...critic, name: 'targetCritics' });
    const initial = full.temperature === 'auto' ? full.initialTemperature : full.temperature;
    if (!(initial > 0 && Number.isFinite(initial)))
      throw new UsageError(`The temperature must be above 0; got ${initial}.`);
    this.logTemperature = new State('logTemperature', [], Float32Array.of(Math.log(initial)));
    this.optimisers = {
      critics: adam(this.critics.parameters, { learningRate: rates.critics ?? learningRate }),
      temperature: temperatureOptimiser(this.logTemperature, {
        learningRate: rates.temperature ?? learningRate,
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

    const next = this.distribution(batch.nextStates).sample(1, noise.next ? { noise: noise.next } : {});
    const nextQ = this.criticsAt(this.targetCritics, batch.nextStates, next.actions);
    const bellman = softBellmanLoss({
      rows: batch.rows,
      rewardColumn: batch.rewardColumn,
      terminatedColumn: batch.terminatedColumn,
      nextLogProb: stopGradient(reshape(next.logProb, [size])),
      nextQ: stopGradient(reshape(nextQ, [2, size])),
      q: reshape(this.criticsAt(this.critics, batch.states, replayedActions), [2, size]),
      temperature,
      discount,
    });
    const target = { parameters: this.targetCritics.parameters, tau };
    this.optimisers.critics.step(gradient(bellman.loss, this.critics.parameters), { target });

    const result = this.policyLearner.recordStep({
      states: batch.states,
      target: boltzmann((chosen) => this.criticsAt(this.critics, batch.states, chosen), { temperature }),
      replayedActions,
      ...(batch.behaviour ? { behaviour: batch.behaviour } : {}),
      ...(noise.policy ? { noise: noise.policy } : {}),
    });

    const entropy =
      mode === 'auto' ? this.optimisers.temperature.step(result.logProb) : neg(mean(result.logProb));
    return { criticLoss: bellman.loss, policyLoss: result.loss, entropy, temperature, ...result.diagnostics };
  }
}
