import {
  adam,
  add,
  boltzmann,
  chooseEstimator,
  distributionFamily,
  exp,
  gradient,
  log,
  mlp,
  mul,
  open,
  reshape,
  square,
  sub,
  type Tensor,
} from 'divergrad';

const [batch, samples] = [32, 64];
const family = distributionFamily('gaussian');
const bump = (actions: Tensor, centre: number) => exp(mul(-4, square(sub(actions, centre))));
// Q(s, a) at actions [samples, batch, 1], as [critics, samples, batch]: one critic here, two where a network has nets: 2.
const critics = (actions: Tensor) =>
  reshape(log(add(bump(actions, 0.6), mul(0.9, bump(actions, -0.6)))), [1, actions.shape[0], batch]);

const device = await open({ backend: 'cpu' });
for (const name of ['reverse-kl/pathwise', 'forward-kl/snis:policy']) {
  const estimator = chooseEstimator(name);
  const policy = mlp({ name: 'policy', inputs: 3, hidden: [32, 32], outputs: family.parameters(1), seed: 1 });
  const optimiser = adam(policy.parameters, { learningRate: 3e-3 });
  const update = await device.compile(({ input }) => {
    const pi = family.make(policy(input('states', [batch, 3])), 1);
    const target = boltzmann(critics, { temperature: 0.15 });
    const { loss } = estimator.loss({ policy: pi, target, samples });
    optimiser.step(gradient(loss, policy.parameters));
    return { actions: pi.sample(samples).actions };
  });
  update.write({ states: Float32Array.from({ length: batch * 3 }, (_, i) => Math.sin(i)) });
  update.run(300);
  const actions = await update.read('actions');
  const higher = actions.filter((action) => action > 0).length / actions.length;
  console.log(
    `${name}: ${Math.round(100 * higher)} % at the higher mode, ${Math.round(100 - 100 * higher)} % at the other`,
  );
  // #region check
  // The target's masses are as 1 to 0.9, each to the power 1/α.
  const expected = name.startsWith('reverse') ? 1 : 1 / (1 + 0.9 ** (1 / 0.15));
  if (!(Math.abs(higher - expected) < 0.06))
    throw new Error(`${higher} of the actions, and not ${expected}.`);
  // #endregion check
}
await device.dispose();
