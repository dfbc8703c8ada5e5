import type { Distribution, DistributionFamily, FamilyOptions } from '../distributions/distribution.ts';
import { type EstimatorChoice, type EstimatorResult, requireCompatible } from '../divergences/estimator.ts';
import { estimators } from '../divergences/registry.ts';
import type { Target } from '../divergences/target.ts';
import { requireOptions } from '../errors.ts';
import { type Activation, adam, mlp, type Network, type Optimiser } from '../nn/index.ts';
import {
  exp,
  gradient,
  mean,
  neg,
  read,
  reshape,
  State,
  square,
  stopGradient,
  sub,
  type Tensor,
} from '../tape/index.ts';
import { requireRanges } from './ranges.ts';

/** A policy and how it is learned. */
export interface PolicyLearnerOptions {
  /** Numbers of an observation. */
  readonly observations: number;
  /** Coordinates of an action, or the number of choices. */
  readonly actions: number;
  /** Of the gradient of its loss. */
  readonly estimator: EstimatorChoice;
  /** Distribution of the actions. */
  readonly family: DistributionFamily;
  /** Bounds of log-std; those of the family when absent. */
  readonly familyOptions?: FamilyOptions;
  /** Actions sampled for each state; the estimator's default when absent. */
  readonly samples?: number;
  /** Widths of the hidden layers. */
  readonly hidden: readonly number[];
  /** Of the hidden layers. */
  readonly activation: Activation;
  /** Of Adam. */
  readonly learningRate: number;
  /** Rate at which the reference policy, where one is needed, follows. */
  readonly tau: number;
  /** Of the initial weights. */
  readonly seed: number;
}

/** What one policy update sees of a batch. */
export interface PolicyBatch {
  /** [batch, observations] */
  readonly states: Tensor;
  /** The target at these states. */
  readonly target: Target;
  /** [batch, parameters] outputs of the policy when the states were visited. */
  readonly behaviour?: Tensor;
  /** [1, batch, actions] */
  readonly replayedActions?: Tensor;
  /** Replaces the estimator's fresh draws, for tests against references. */
  readonly noise?: Tensor;
}

/** What one policy update tells besides the estimator's result. */
export interface PolicyStep {
  /** [batch] or [samples, batch] nats, of mean −H(π): exact where the actions can be enumerated, else of samples. */
  readonly negativeEntropy: Tensor;
  /** Of the loss, with the shape of the policy's parameters. */
  readonly gradient: Tensor;
}

function negativeEntropyOf(policy: Distribution, logProb: Tensor | undefined): Tensor {
  if (policy.support && policy.entropy) return neg(policy.entropy());
  // Without samples of the policy itself, its entropy needs a draw of its own.
  return logProb ?? policy.sample(1).logProb;
}

/**
 * A policy with whatever its estimator needs beside it (a learned baseline, a reference policy, dual variables),
 * and one recorded step of all of them. The needs are those the estimator declares, so that each pays for its own.
 */
export class PolicyLearner {
  readonly policy: Network;
  readonly samples: number;
  /** Baseline V(s) in units of log π − Q/temperature. */
  readonly value: Network | undefined;
  /** Copy of the policy, at first equal to it, that follows slowly. */
  readonly reference: Network | undefined;
  /** Logarithms of the dual variables. */
  readonly duals: Readonly<Record<string, State>>;
  private readonly optimisers: {
    readonly policy: Optimiser;
    readonly value?: Optimiser;
    readonly duals: Readonly<Record<string, Optimiser>>;
  };

  /** @throws UsageError when estimator and distribution do not go together, or a number is out of range */
  constructor(readonly options: PolicyLearnerOptions) {
    requireOptions('PolicyLearner', options, 'estimator', 'family', 'hidden');
    const { observations, actions, estimator, family, hidden, activation, learningRate, seed } = options;
    const { samples, tau } = options;
    requireRanges('PolicyLearner', { observations, actions, hidden, samples, learningRate, tau, seed });
    requireCompatible(estimator, family, estimators, actions);
    this.samples = options.samples ?? estimator.estimator.defaultSamples;
    const shape = { inputs: observations, hidden, activation };
    const policy = { ...shape, outputs: family.parameters(actions), seed, purpose: 'policy' as const };
    this.policy = mlp({ ...policy, name: 'policy' });
    // The same seed gives the same weights: it starts as a copy.
    this.reference = this.needs('reference') ? mlp({ ...policy, name: 'reference' }) : undefined;
    this.value = this.needs('value')
      ? mlp({ ...shape, outputs: 1, name: 'value', seed, purpose: 'value' })
      : undefined;
    const first = Object.entries(estimator.estimator.duals ?? {});
    this.duals = Object.fromEntries(
      first.map(([name, value]) => [name, new State(`log.${name}`, [], Float32Array.of(Math.log(value)))]),
    );
    this.optimisers = {
      policy: adam(this.policy.parameters, { learningRate }),
      ...(this.value ? { value: adam(this.value.parameters, { learningRate }) } : {}),
      duals: Object.fromEntries(
        Object.entries(this.duals).map(([name, state]) => [name, adam(state, { learningRate })]),
      ),
    };
  }

  /** Every state, for checkpoints. */
  get states(): State[] {
    const networks = [this.policy, this.value, this.reference].flatMap((network) =>
      network ? [network.parameters] : [],
    );
    const { policy, value, duals } = this.optimisers;
    const optimisers = [policy, ...(value ? [value] : []), ...Object.values(duals)];
    return [
      ...networks,
      ...Object.values(this.duals),
      ...optimisers.flatMap((optimiser) => optimiser.states),
    ];
  }

  /** Outputs of the policy network that a replay buffer must remember for this estimator; 0 for none. */
  get behaviourParameters(): number {
    return this.needs('behaviour') ? this.options.family.parameters(this.options.actions) : 0;
  }

  /** The policy's distribution at states [batch, observations]. */
  distribution(states: Tensor): Distribution {
    return this.distributionOf(this.policy(states));
  }

  /** From outputs of the policy network [batch, parameters]. */
  distributionOf(head: Tensor): Distribution {
    return this.options.family.make(head, this.options.actions, this.options.familyOptions);
  }

  /**
   * Records one step of the policy and its companions.
   * @returns the estimator's result, with what the policy's entropy is computed from and the gradient of its parameters,
   *   both before the step
   */
  recordStep(batch: PolicyBatch): EstimatorResult & PolicyStep {
    const { states, target, behaviour, replayedActions, noise } = batch;
    const size = states.shape[0];
    const policy = this.distribution(states);
    const value = this.value && reshape(this.value(states), [size]);
    const duals = Object.fromEntries(
      Object.entries(this.duals).map(([name, state]) => [name, exp(read(state))]),
    );
    const result = this.options.estimator.loss({
      policy,
      target,
      samples: this.samples,
      duals,
      ...(noise ? { noise } : {}),
      ...(behaviour ? { behaviour: this.distributionOf(behaviour).detach() } : {}),
      ...(this.reference ? { reference: this.distributionOf(this.reference(states)).detach() } : {}),
      ...(replayedActions ? { replayedActions } : {}),
      ...(value ? { value: stopGradient(value) } : {}),
    });
    const negativeEntropy = stopGradient(negativeEntropyOf(policy, result.logProb));
    const step = gradient(result.loss, this.policy.parameters);
    const follow = this.reference && {
      target: { parameters: this.reference.parameters, tau: this.options.tau },
    };
    this.optimisers.policy.step(step, follow ?? {});
    if (this.value && value && result.logRatio) {
      const valueLoss = mean(square(sub(value, mean(result.logRatio, 0))));
      this.optimisers.value?.step(gradient(valueLoss, this.value.parameters));
    }
    if (result.dualLoss) {
      for (const [name, state] of Object.entries(this.duals)) {
        this.optimisers.duals[name].step(gradient(result.dualLoss, state));
      }
    }
    return { ...result, negativeEntropy, gradient: step };
  }

  private needs(need: EstimatorChoice['needs'][number]): boolean {
    return this.options.estimator.needs.includes(need);
  }
}
