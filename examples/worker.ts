// Trains in a worker, so that the thread that shows what comes of it stays free. Here the worker is one of Node's; in a
// page it is `new Worker(new URL('./worker.js', import.meta.url), { type: 'module' })`, and the rest is the same.
import { isMainThread, parentPort, Worker } from 'node:worker_threads';
import { ActorCritic, chooseEstimator, distributionFamily, makeEnvironment, open, train } from 'divergrad';

interface Progress {
  readonly step: number;
  readonly meanReturn: number;
}

if (isMainThread) {
  const worker = new Worker(new URL(import.meta.url));
  const seen: Progress[] = [];
  let ticks = 0;
  const clock = setInterval(() => ticks++, 1);
  worker.on('message', (progress: Progress) => {
    seen.push(progress);
    console.log(`step ${progress.step}: mean return ${progress.meanReturn.toFixed(1)}`);
  });
  await new Promise((done, failed) => worker.once('exit', done).once('error', failed));
  clearInterval(clock);
  console.log(`meanwhile this thread ran its own timer ${ticks > 0 ? 'on' : 'not at all'}`);
  if (seen.length !== 3) throw new Error(`${seen.length} evaluations came back, not 3.`);
  if (ticks === 0) throw new Error('The main thread was blocked.');
} else {
  const device = await open({ backend: 'wasm' });
  await train(device, {
    makeEnvironment: () => makeEnvironment('cartpole'),
    learner: new ActorCritic({
      observations: 4,
      actions: { kind: 'discrete', size: 2 },
      estimator: chooseEstimator('reverse-kl/exact'),
      family: distributionFamily('categorical'),
      hidden: [32, 32],
    }),
    steps: 600,
    warmup: 100,
    evaluateEvery: 200,
    onEvaluation: ({ step, meanReturn }) => parentPort?.postMessage({ step, meanReturn } satisfies Progress),
  });
  await device.dispose();
}
