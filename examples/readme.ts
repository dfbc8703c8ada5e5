import {
  adam,
  boltzmann,
  chooseEstimator,
  distributionFamily,
  gradient,
  // #region check
  literal,
  // #endregion check
  mlp,
  mul,
  open,
  reshape,
  square,
  sub,
  sum,
} from 'divergrad';

const [batch, samples] = [32, 16];
const family = distributionFamily('tanh-gaussian');
const estimator = chooseEstimator('forward-kl/snis:policy');
const policy = mlp({ name: 'policy', inputs: 3, hidden: [32, 32], outputs: family.parameters(1), seed: 1 });
const optimiser = adam(policy.parameters, { learningRate: 3e-3 });

const device = await open({ backend: 'cpu' });
const update = await device.compile(({ input }) => {
  const states = input('states', [batch, 3]);
  const pi = family.make(policy(states), 1);
  // One critic, Q(s, a) = −(a − ½)²; a network with nets: 2 gives twin critics. Shape: [critics, samples, batch].
  const critics = (actions: typeof states) =>
    reshape(mul(-1, sum(square(sub(actions, 0.5)), -1)), [1, samples, batch]);
  const target = boltzmann(critics, { temperature: 0.05 });
  const { loss, diagnostics } = estimator.loss({ policy: pi, target, samples });
  optimiser.step(gradient(loss, policy.parameters));
  return { loss, ...diagnostics };
});

update.write({ states: Float32Array.from({ length: batch * 3 }, (_, i) => Math.sin(i)) });
update.run(300);
console.log('loss', await update.readScalar('loss'), 'of', update.program.kernels, 'kernels');
// #region check
const act = await device.compile(() => ({ mode: family.make(policy(literal([0, 0, 0], [1, 3])), 1).mode() }));
act.run();
const mode = await act.readScalar('mode');
if (!(Math.abs(mode - 0.5) < 0.1)) throw new Error(`The policy's mode is ${mode}; the target's is 0.5.`);
// #endregion check
await device.dispose();
