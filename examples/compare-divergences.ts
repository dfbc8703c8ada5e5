// What the choice of divergence does: a Gaussian policy is fitted to a target with two modes by reverse and forward KL.
import {
  adam,
  boltzmann,
  chooseEstimator,
  distributionFamily,
  exp,
  gradient,
  logSumExp,
  mul,
  open,
  read,
  reshape,
  State,
  square,
  stack,
  sub,
  type Tensor,
} from 'divergrad';

const family = distributionFamily('tanh-gaussian');
const device = await open({ backend: 'wasm' });

/** Q(a) = log(e^(−(a + 0.5)²/0.02) + e^(−(a − 0.5)²/0.02)): modes at ±0.5. [samples, batch, 1] → [1, samples, batch] */
function critics(actions: Tensor): Tensor {
  const a = reshape(actions, actions.shape.slice(0, -1));
  const peak = (centre: number) => mul(-1 / 0.02, square(sub(a, centre)));
  return reshape(logSumExp(stack([peak(-0.5), peak(0.5)], 0), 0), [1, ...a.shape]);
}

async function fit(name: string) {
  const estimator = chooseEstimator(name);
  // One state; the policy's mean and log-std before the tanh.
  const head = new State(`head of ${name}`, [1, 2], Float32Array.of(0.2, -1));
  const optimiser = adam(head, { learningRate: 0.02 });
  const update = await device.compile(() => {
    const policy = family.make(read(head), 1);
    const target = boltzmann(critics, { temperature: 1 });
    const { loss } = estimator.loss({ policy, target, samples: estimator.estimator.defaultSamples });
    optimiser.step(gradient(loss, head));
    return { mode: policy.mode(), spread: exp(read(head)) };
  });
  update.run(600);
  const [mode, spread] = [await update.readScalar('mode'), (await update.read('spread'))[1]];
  console.log(
    `${name.padEnd(18)} mode ${mode.toFixed(2).padStart(5)}, spread before the tanh ${spread.toFixed(2)}`,
  );
  return { mode, spread };
}

const reverse = await fit('reverse-kl/exact');
const forward = await fit('forward-kl/exact');
await device.dispose();

// Reverse KL takes one mode; forward KL covers both, with its centre between them.
if (!(Math.abs(Math.abs(reverse.mode) - 0.5) < 0.1 && reverse.spread < 0.3))
  throw new Error('Reverse KL was to take one mode.');
if (!(Math.abs(forward.mode) < 0.1 && forward.spread > 0.4))
  throw new Error('Forward KL was to cover both modes.');
