// Supervised regression: a network learns y = sin 3x from noisy samples. No reinforcement learning is needed to use the
// tape, the networks and Adam.
import {
  adam,
  add,
  gradient,
  mean,
  mlp,
  mul,
  open,
  randomNormal,
  randomUniform,
  sin,
  square,
  sub,
} from 'divergrad';

const batch = 64;
const network = mlp({ name: 'regression', inputs: 1, hidden: [32, 32], outputs: 1, activation: 'tanh' });
const optimiser = adam(network.parameters, { learningRate: 5e-3 });

const device = await open({ backend: 'wasm' });
const update = await device.compile(() => {
  // Drawn anew in every update, on the device: x uniform in (−1, 1), noise of 0.1.
  const x = sub(mul(2, randomUniform([batch, 1])), 1);
  const y = add(sin(mul(3, x)), mul(0.1, randomNormal([batch, 1])));
  const loss = mean(square(sub(network(x), y)));
  optimiser.step(gradient(loss, network.parameters));
  return { loss };
});
for (let i = 0; i < 5; i++) {
  update.run(200);
  console.log(`update ${200 * (i + 1)}: loss ${(await update.readScalar('loss')).toFixed(4)}`);
}

// A program that only predicts; it shares the parameters.
const predict = await device.compile(({ input }) => ({ y: network(input('x', [5, 1])) }));
const at = [-0.8, -0.4, 0, 0.4, 0.8];
predict.write({ x: at });
predict.run();
const y = await predict.read('y');
await device.dispose();
at.forEach((x, i) => {
  const truth = Math.sin(3 * x);
  console.log(`x ${x}: predicted ${y[i].toFixed(3)}, sin 3x ${truth.toFixed(3)}`);
  if (!(Math.abs(y[i] - truth) < 0.1)) throw new Error(`At ${x} the network says ${y[i]}, not ${truth}.`);
});
