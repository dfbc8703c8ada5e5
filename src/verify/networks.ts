import { adam, clipScale, globalNorm, polyak } from '../nn/index.ts';
import { mlpKernels, read, reshape, slice } from '../tape/index.ts';
import { named, never, type Recipe } from './recipe.ts';
import type { Setting } from './setting.ts';

/** A network's output and all its gradients. */
export const mlpRecipe: Recipe = {
  computes: named('mlp/'),
  // relu is exact, and a network without hidden layers has no activation.
  transcendental: ({ params }) =>
    params.get('activation')?.value !== 'relu' && (params.get('dims')?.list().length ?? 0) > 2,
  // Layer normalisation has no fused kernel.
  recordings: ({ params }) => (params.get('layernorm')?.flag() ? ['tiled'] : mlpKernels),
  record: (setting) => {
    const net = setting.network([''], setting.activation(), setting.param('layernorm').flag());
    const y = net(setting.input('x'));
    const g = setting.input('g');
    setting.emit('y', y);
    setting.emitGradients('', y, g);
    setting.emitNetworkGradients('', y, { net, prefixes: [''] }, g);
  },
};

/** Twenty steps on given gradients of two arrays that are clipped together. */
export const adamRecipe: Recipe = {
  computes: named('adam/'),
  transcendental: never,
  record: (setting: Setting) => {
    setting.steps = setting.array('G0').shape[0];
    const parts = ['0', '1'].map((i) => {
      const parameters = setting.state(`p${i}`);
      const optimiser = adam(parameters, {
        learningRate: setting.number('lr'),
        beta1: setting.number('beta1'),
        beta2: setting.number('beta2'),
        epsilon: setting.number('eps'),
        weightDecay: setting.number('weight_decay'),
        decoupled: setting.param('decoupled').flag(),
      });
      for (const state of optimiser.states) setting.own(state);
      setting.emitState(`p${i}_after`, parameters, 'each');
      return { optimiser, gradient: setting.stepInput(`G${i}`) };
    });
    const norm = globalNorm(parts.map(({ gradient }) => gradient));
    setting.emit('grad_norm', norm, 'each');
    const clip = setting.param('max_grad_norm');
    const options = clip.value === null ? {} : { scale: clipScale(norm, clip.number()) };
    parts.forEach(({ optimiser, gradient }, i) => {
      optimiser.step(gradient, options);
      const moments = read(optimiser.states[0]);
      ['m', 'v'].forEach((name, j) => {
        setting.emit(`${name}${i}`, reshape(slice(moments, [j, 0], [j + 1, gradient.size]), gradient.shape));
      });
    });
  },
};

export const polyakRecipe: Recipe = {
  computes: named('polyak'),
  transcendental: never,
  record: (setting: Setting) => {
    setting.steps = setting.array('online').shape[0];
    const target = setting.state('target');
    polyak(target, setting.stepInput('online'), setting.number('tau'));
    setting.emit('target_after', read(target), 'each');
  },
};
