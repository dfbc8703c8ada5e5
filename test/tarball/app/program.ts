// The program that every row of docs/runtimes.md runs: what it computes has closed forms.
import {
  adam,
  exp,
  gradient,
  makeEnvironment,
  mean,
  mlp,
  open,
  prepareEnvironment,
  square,
  sub,
  version,
} from 'divergrad';
import type { Asked, Worked } from './types.ts';

export async function work({
  backend = 'auto',
  environment = 'pendulum',
  fetchFrom,
}: Asked = {}): Promise<Worked> {
  const device = await open({ backend, ...(fetchFrom ? { wasm: { fetchFrom } } : {}) });
  const batch = 32;
  const network = mlp({ name: 'line', inputs: 1, hidden: [8], outputs: 1, seed: 1 });
  const optimiser = adam(network.parameters, { learningRate: 0.03 });
  const update = await device.compile(({ input }) => {
    const loss = mean(square(sub(network(input('x', [batch, 1])), input('y', [batch, 1]))));
    optimiser.step(gradient(loss, network.parameters));
    return { loss, exp: exp(input('z', [3])) };
  });
  const x = Float32Array.from({ length: batch }, (_, i) => (2 * i) / (batch - 1) - 1);
  update.write({ x, y: x.map((each) => 2 * each - 1), z: Float32Array.of(0, 1, 2) });
  update.run(300);
  await prepareEnvironment(environment);
  const observation = makeEnvironment(environment).reset(1).length;
  const worked = {
    version,
    backend: device.backend.name,
    reason: device.reason,
    exp: [...(await update.read('exp'))],
    loss: await update.readScalar('loss'),
    observation,
  };
  await device.dispose();
  return worked;
}
