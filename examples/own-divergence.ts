// A divergence of your own: Neyman's χ². Its three estimators come from f; a policy is then fitted to a target by each.
import {
  adam,
  add,
  boltzmann,
  distributionFamily,
  exp,
  fDivergence,
  gradient,
  mul,
  neg,
  open,
  read,
  reshape,
  State,
  square,
  sub,
  sum,
  type Tensor,
} from 'divergrad';

/** D_f(p ‖ π) = E_π[f(r)] with r = p/π and f(r) = (r − 1)²/r = r − 2 + 1/r. */
const neyman = fDivergence({
  name: 'neyman',
  title: 'Neyman χ²(π ‖ p)',
  formula: '(r − 1)²/r',
  source: 'Neyman 1949',
  f: (r, logR) => add(sub(r, 2), exp(neg(logR))),
  // f(r) − r f′(r), the weight of ∇ log π in the score-function gradient.
  scoreWeight: (_r, logR) => mul(2, sub(exp(neg(logR)), 1)),
  // π·f(p/π) = p − 2π + π²/p, in a form that no ratio of densities overflows.
  integrand: (logTarget, logPolicy) =>
    add(sub(exp(logTarget), mul(2, exp(logPolicy))), exp(sub(mul(2, logPolicy), logTarget))),
});

const family = distributionFamily('tanh-gaussian');
const device = await open({ backend: 'wasm' });
/** One critic, Q(a) = −(a − 0.4)². [samples, batch, 1] → [critics, samples, batch] */
const critics = (actions: Tensor) =>
  reshape(mul(-1, sum(square(sub(actions, 0.4)), -1)), [1, ...actions.shape.slice(0, -1)]);

const modes: number[] = [];
for (const estimator of neyman) {
  // One state, whose policy has two parameters: mean and log-std before the tanh.
  const head = new State(`${estimator.name}.head`, [1, 2], Float32Array.of(0, -0.5));
  const optimiser = adam(head, { learningRate: 0.02 });
  const update = await device.compile(() => {
    const policy = family.make(read(head), 1);
    const target = boltzmann(critics, { temperature: 0.4 });
    const { loss } = estimator.loss({ policy, target, samples: 64 }, '');
    optimiser.step(gradient(loss, head));
    return { loss, mode: policy.mode() };
  });
  update.run(400);
  const mode = await update.readScalar('mode');
  modes.push(mode);
  console.log(
    `${estimator.name}: loss ${(await update.readScalar('loss')).toFixed(4)}, mode ${mode.toFixed(3)}`,
  );
}
await device.dispose();

// The target's mode is 0.4, where all three end.
for (const mode of modes)
  if (!(Math.abs(mode - 0.4) < 0.06)) throw new Error(`The mode is ${mode}, not 0.4.`);
