import type { FamilyOptions } from '../distributions/distribution.ts';
import { Gaussian } from '../distributions/gaussian.ts';
import { chooseEstimator } from '../divergences/registry.ts';
import { boltzmann, minimumOf } from '../divergences/target.ts';
import { adam, type Network } from '../nn/index.ts';
import { softBellmanLoss } from '../rl/soft-bellman.ts';
import {
  add,
  exp,
  grad,
  gradient,
  mean,
  mul,
  neg,
  read,
  reshape,
  slice,
  sqrt,
  square,
  stack,
  stopGradient,
  sum,
  type Tensor,
} from '../tape/index.ts';
import { unlimited } from './distributions.ts';
import { always, named, type Recipe } from './recipe.ts';
import { type Setting, single, unwrap } from './setting.ts';

const twins = ['q1.', 'q2.'];
const targetTwins = ['qt1.', 'qt2.'];

/** Twin critics [2, samples, batch] at actions [samples, batch, actions]. */
const criticsAt = (critics: Network, states: Tensor, actions: Tensor): Tensor =>
  reshape(critics(states, actions), [2, actions.shape[0], actions.shape[1]]);

const policyAt = (net: Network, states: Tensor, options: FamilyOptions): Gaussian => {
  const head = net(states);
  return new Gaussian(head, head.shape[1] / 2, true, options);
};

/** The soft Bellman loss of the critics on a batch of transitions. */
function bellman(
  batch: Record<'S' | 'A' | 'rew' | 'S2' | 'done' | 'eps_next', Tensor>,
  nets: { readonly policy: Network; readonly critics: Network; readonly targets: Network },
  { temperature, discount, family }: { temperature: Tensor; discount: number; family: FamilyOptions },
) {
  const next = policyAt(nets.policy, batch.S2, family).sample(1, { noise: single(batch.eps_next) });
  const size = batch.S.shape[0];
  const q = reshape(criticsAt(nets.critics, batch.S, single(batch.A)), [2, size]);
  const { loss, target } = softBellmanLoss({
    rows: stack([batch.rew, batch.done], 1),
    rewardColumn: 0,
    terminatedColumn: 1,
    nextLogProb: stopGradient(unwrap(next.logProb)),
    nextQ: stopGradient(reshape(criticsAt(nets.targets, batch.S2, next.actions), [2, size])),
    q,
    temperature,
    discount,
  });
  return { loss, target, next, q };
}

/** SAC's policy loss mean(α log π − min Q) by the pathwise estimator, which is in units of the temperature. */
function actor(
  policy: Gaussian,
  noise: Tensor,
  { critics, states, temperature }: { critics: Network; states: Tensor; temperature: Tensor },
): Tensor {
  const target = boltzmann((actions) => criticsAt(critics, states, actions), { temperature });
  const { loss } = chooseEstimator('reverse-kl/pathwise').loss({ policy, target, samples: 1, noise });
  return mul(temperature, loss);
}

/** −logα·mean(log π + target entropy), or with α in its place. */
const temperatureLoss = (scale: Tensor, logProb: Tensor, targetEntropy: number): Tensor =>
  neg(mul(scale, mean(add(stopGradient(logProb), targetEntropy))));

export const criticRecipe: Recipe = {
  computes: named('h/sac/critic'),
  transcendental: always,
  record: (c) => {
    const policy = c.network(['pi.'], 'tanh');
    const critics = c.network(twins, 'tanh');
    const targets = c.network(targetTwins, 'tanh');
    const batch = {
      S: c.input('S'),
      A: c.input('A'),
      rew: c.input('rew'),
      S2: c.input('S2'),
      done: c.input('done'),
      eps_next: c.input('eps_next'),
    };
    const options = { temperature: c.scalar('alpha'), discount: c.number('gamma'), family: unlimited };
    const { loss, target, next, q } = bellman(batch, { policy, critics, targets }, options);
    const size = batch.S.shape[0];
    c.emit('y', target);
    c.emit('next_action', unwrap(next.actions));
    c.emit('next_log_pi', unwrap(next.logProb));
    c.emit('q1', reshape(slice(q, [0, 0], [1, size]), [size]));
    c.emit('q2', reshape(slice(q, [1, 0], [2, size]), [size]));
    c.emit('loss', loss);
    c.emitNetworkGradients('', loss, { net: critics, prefixes: twins });
  },
};

export const actorRecipe: Recipe = {
  computes: named('h/sac/actor'),
  transcendental: always,
  record: (c) => {
    const net = c.network(['pi.'], 'tanh');
    const critics = c.network(twins, 'tanh');
    const states = c.input('S');
    const noise = single(c.input('eps'));
    const policy = policyAt(net, states, unlimited);
    const loss = actor(policy, noise, { critics, states, temperature: c.scalar('alpha') });
    c.emit('loss', loss);
    c.emitNetworkGradients('', loss, { net, prefixes: ['pi.'] });
    const { actions, logProb } = policy.rsample(1, { noise });
    c.emit('log_pi', unwrap(logProb));
    c.emit('q_min', unwrap(minimumOf(criticsAt(critics, states, actions))));
  },
};

export const temperatureRecipe: Recipe = {
  computes: named('h/sac/temperature/'),
  transcendental: always,
  record: (c) => {
    const policy = policyAt(c.network(['pi.'], 'tanh'), c.input('S'), unlimited);
    const { logProb } = policy.sample(1, { noise: single(c.input('eps')) });
    const logAlpha = c.input('log_alpha');
    const scale = c.param('form').text() === 'alpha' ? exp(logAlpha) : logAlpha;
    const loss = temperatureLoss(scale, logProb, c.number('target_entropy'));
    c.emit('loss', loss);
    c.emit('alpha', exp(logAlpha));
    c.emitGradients('', loss);
  },
};

/** Ten whole updates of SAC on given batches and noise. */
export const trajectoryRecipe: Recipe = {
  computes: named('sac/'),
  transcendental: always,
  record: (c) => {
    c.steps = c.param('steps').count();
    const activation = c.activation();
    const policy = c.network(['pi.'], activation);
    const critics = c.network(twins, activation);
    // The targets start as copies of the critics.
    const targets = c.network(twins, activation);
    const logAlpha = c.state('log_alpha');
    const optimiserOf = (parameters: typeof logAlpha, rate: string) => {
      const optimiser = adam(parameters, {
        learningRate: c.number(rate),
        beta1: c.number('beta1'),
        beta2: c.number('beta2'),
        epsilon: c.number('adam_eps'),
      });
      for (const state of optimiser.states) c.own(state);
      return optimiser;
    };
    const family = { logStd: [c.number('log_std_min'), c.number('log_std_max')] as const };
    const temperature = exp(read(logAlpha));
    const batch = {
      S: c.stepInput('S'),
      A: c.stepInput('A'),
      rew: c.stepInput('rew'),
      S2: c.stepInput('S2'),
      done: c.stepInput('done'),
      eps_next: c.stepInput('eps_next'),
    };
    const options = { temperature, discount: c.number('gamma'), family };
    const { loss, target } = bellman(batch, { policy, critics, targets }, options);
    const criticGradient = gradient(loss, critics.parameters);
    c.emit('step1.y', target, 'first');
    c.emit('mean_y', mean(target), 'each');
    c.emit('critic_loss', loss, 'each');
    c.emitArrays(['step1.grad.q1.', 'step1.grad.q2.'], critics, criticGradient, 'first');
    const follow = { target: { parameters: targets.parameters, tau: c.number('tau') } };
    optimiserOf(critics.parameters, 'lr_critic').step(criticGradient, follow);

    const noise = single(c.stepInput('eps'));
    const distribution = policyAt(policy, batch.S, family);
    const actorLoss = actor(distribution, noise, { critics, states: batch.S, temperature });
    const { logProb } = distribution.sample(1, { noise });
    const actorGradient = gradient(actorLoss, policy.parameters);
    c.emit('actor_loss', actorLoss, 'each');
    c.emit('mean_log_pi', mean(logProb), 'each');
    c.emitArrays(['step1.grad.pi.'], policy, actorGradient, 'first');
    optimiserOf(policy.parameters, 'lr_actor').step(actorGradient);

    const scale = read(logAlpha);
    const alphaLoss = temperatureLoss(scale, logProb, c.number('target_entropy'));
    c.emit('alpha_loss', alphaLoss, 'each');
    if (c.param('auto_alpha').flag()) {
      optimiserOf(logAlpha, 'lr_alpha').step(grad(alphaLoss, [scale])[0]);
    }
    c.emit('alpha_after', exp(read(logAlpha)), 'each');
    c.emitState('final.log_alpha', logAlpha);
    emitNorms(c, policy, ['pi.']);
    emitNorms(c, critics, twins);
    emitNorms(c, targets, targetTwins);
  },
};

/** The norm of each network's parameters after every update, and the parameters after the last. */
function emitNorms(c: Setting, network: Network, prefixes: readonly string[]): void {
  const norms = sqrt(sum(square(read(network.parameters)), 1));
  prefixes.forEach((prefix, net) => {
    const norm = reshape(slice(norms, [net], [net + 1]), []);
    c.emit(`norm.${prefix.slice(0, -1)}`, norm, 'each');
  });
  c.emitArrays(
    prefixes.map((prefix) => `final.${prefix}`),
    network,
    network.parameters,
  );
}
