// Memory and size, part of `npm run test:all`: node build.mjs soak [--backend=wasm] [--updates=100000]. Memory stays flat over many
// updates, a thousand programs come and go, 64 live side by side, and large batches and networks work.

import { distributionFamily } from '../../src/distributions/registry.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { type BackendChoice, open } from '../../src/open/open.ts';
import { ActorCritic } from '../../src/rl/actor-critic.ts';
import { compileUpdate, replayFor } from '../../src/rl/recorded-update.ts';
import { clockState } from '../../src/tape/index.ts';
import { optionsOf } from '../helpers/options.ts';

const options = optionsOf(
  { backend: 'wasm', updates: 100_000 },
  'usage: node build.mjs soak [--backend=NAME] [--updates=N]',
);
const device = await open({ backend: options.backend as BackendChoice });
const megabytes = () => {
  const { rss, heapUsed } = process.memoryUsage();
  return `${(rss / 1e6).toFixed(0)} MB resident, ${(heapUsed / 1e6).toFixed(1)} MB heap, ${device.backend.counters.buffersCreated} buffers`;
};

function learnerOf(hidden: readonly number[]): ActorCritic {
  return new ActorCritic({
    observations: 3,
    actions: { kind: 'box', size: 1 },
    estimator: chooseEstimator('reverse-kl/pathwise'),
    family: distributionFamily('tanh-gaussian'),
    hidden,
  });
}

/** A learner's update on a replay buffer of random transitions, with all that it put on the device. */
async function prepare(hidden: readonly number[], batch: number) {
  const learner = learnerOf(hidden);
  const replay = replayFor(learner, 256);
  for (let i = 0; i < 256; i++) {
    const [observation, nextObservation] = [0, 1].map((j) => [Math.cos(i + j), Math.sin(i + j), (i % 9) - 4]);
    replay.add(device, {
      observation,
      action: [Math.sin(7 * i)],
      reward: -1,
      terminated: false,
      nextObservation,
    });
  }
  const clock = clockState(0);
  const update = await compileUpdate(device, learner, replay, { batch, clock });
  const release = () => {
    update.dispose();
    for (const state of [...learner.states, replay.storage, replay.fill, clock]) device.free(state);
  };
  return { update, release };
}

console.log(`${device.backend.description}: ${megabytes()}`);
const { update, release } = await prepare([32, 32], 16);
const total = options.updates;
// All that is ever made is made in the first update and the first reading.
update.run();
await update.readScalar('criticLoss');
const { buffersCreated, pipelinesCreated } = device.backend.counters;
for (let done = 0; done < total; done += total / 5) {
  for (let i = 0; i < total / 5; i += 100) {
    update.run(100);
    if (i % 1000 === 0) await update.readScalar('criticLoss');
  }
  console.log(`${done + total / 5} updates: ${megabytes()}`);
}
const made = device.backend.counters;
if (made.buffersCreated !== buffersCreated || made.pipelinesCreated !== pipelinesCreated)
  throw new Error(
    `${total} updates made ${made.buffersCreated - buffersCreated} buffers and ${made.pipelinesCreated - pipelinesCreated} pipelines`,
  );
if (await update.fault()) throw new Error('the updates met NaN or infinity');
release();

for (let i = 1; i <= 1000; i++) {
  const program = await prepare([8], 4);
  program.update.run();
  program.release();
  if (i % 250 === 0) console.log(`${i} programs opened and disposed of: ${megabytes()}`);
}

const many = await Promise.all(Array.from({ length: 64 }, () => prepare([16], 8)));
for (const each of many) each.update.run(10);
const losses = await Promise.all(many.map((each) => each.update.readScalar('criticLoss')));
if (new Set(losses).size !== 1) throw new Error('64 equal programs on one device differ');
for (const each of many) each.release();
console.log(`64 programs at once, all with a loss of ${losses[0]}: ${megabytes()}`);

for (const [hidden, batch] of [
  [[32, 32], 65_536],
  [[2048, 2048], 64],
] as const) {
  const large = await prepare(hidden, batch);
  large.update.run();
  const loss = await large.update.readScalar('criticLoss');
  if (!Number.isFinite(loss)) throw new Error(`batch ${batch}, hidden ${hidden}: loss ${loss}`);
  console.log(`batch ${batch}, hidden ${hidden.join('-')}: loss ${loss.toPrecision(6)}, ${megabytes()}`);
  large.release();
}
await device.dispose();
