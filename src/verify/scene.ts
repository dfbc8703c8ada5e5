import { Gaussian } from '../distributions/gaussian.ts';
import { boltzmann, type Target } from '../divergences/target.ts';
import type { Network } from '../nn/index.ts';
import { reshape, sub, type Tensor } from '../tape/index.ts';
import { unlimited } from './distributions.ts';
import type { Setting } from './setting.ts';

/** Policy and critic that the continuous estimator cases share: tanh networks on the same states. */
export interface Scene {
  readonly net: Network;
  readonly policy: Gaussian;
  readonly squash: boolean;
  readonly target: Target;
  readonly temperature: Tensor;
  /** [samples, batch, actions] standard normal */
  readonly noise: Tensor;
  readonly samples: number;
}

/** The policy's network and its distribution at the case's states. */
export function policyOf(c: Setting, squash: boolean): { net: Network; policy: Gaussian } {
  const net = c.network(['pi.'], 'tanh');
  const head = net(c.input('S'));
  return { net, policy: new Gaussian(head, head.shape[1] / 2, squash, unlimited) };
}

/** The case's critic at its states: actions [samples, batch, actions] → [1, samples, batch], as of one critic. */
export function criticOf(c: Setting): (actions: Tensor) => Tensor {
  const critic = c.network(['q.'], 'tanh');
  const states = c.input('S');
  return (actions) => reshape(critic(states, actions), [1, ...actions.shape.slice(0, 2)]);
}

export function sceneOf(c: Setting): Scene {
  const squash = c.param('policy').text() === 'tanh';
  const noise = c.input('eps');
  const temperature = c.scalar('alpha');
  return {
    ...policyOf(c, squash),
    squash,
    target: boltzmann(criticOf(c), { temperature }),
    temperature,
    noise,
    samples: noise.shape[0],
  };
}

/** log p̃ − log π at given actions: [samples, batch]. */
export const logRatioAt = ({ target }: Pick<Scene, 'target'>, actions: Tensor, logProb: Tensor): Tensor =>
  sub(target.logDensityOf(target.critics(actions), actions), logProb);

/** A scalar under its key with its gradients in the policy's parameters. */
export function emitObjective(
  c: Setting,
  net: Network,
  objective: Readonly<Record<string, Tensor>>,
  prefix = '',
): void {
  for (const [key, value] of Object.entries(objective)) {
    c.emit(key, value);
    c.emitNetworkGradients(prefix, value, { net, prefixes: ['pi.'] });
  }
}
