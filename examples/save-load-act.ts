// Saves a training run, goes on from it in another process's place, and acts with the policy.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  ActorCritic,
  type Checkpoint,
  chooseEstimator,
  decodeCheckpoint,
  distributionFamily,
  encodeCheckpoint,
  makeEnvironment,
  open,
  train,
} from 'divergrad';

const folder = await mkdtemp(join(tmpdir(), 'divergrad-'));
const file = join(folder, 'run.ckpt');
const device = await open({ backend: 'wasm' });
const newLearner = () =>
  new ActorCritic({
    observations: 2,
    actions: { kind: 'box', size: 1 },
    estimator: chooseEstimator('reverse-kl/pathwise'),
    family: distributionFamily('tanh-gaussian'),
    hidden: [16, 16],
  });
const settings = {
  makeEnvironment: () => makeEnvironment('linear-quadratic'),
  steps: 600,
  warmup: 100,
  evaluateEvery: 200,
};

// A run that is stopped after 300 steps leaves a checkpoint.
const stop = new AbortController();
await train(device, {
  ...settings,
  learner: newLearner(),
  signal: stop.signal,
  onStep: (step) => step === 300 && stop.abort(),
  checkpoint: {
    every: 100,
    save: async (checkpoint: Checkpoint) => writeFile(file, encodeCheckpoint(checkpoint)),
  },
});

// Another learner goes on from the file, and ends as an undisturbed run does, bit for bit.
const resume = decodeCheckpoint(new Uint8Array(await readFile(file)));
console.log(`goes on from step ${resume.step}`);
const learner = newLearner();
const resumed = await train(device, {
  ...settings,
  learner,
  checkpoint: { every: 1e6, save: () => {}, resume },
});
const undisturbed = await train(device, { ...settings, learner: newLearner() });
const ends = [resumed, undisturbed].map((evaluations) => evaluations.at(-1)?.meanReturn);
console.log(`mean return ${ends[0]}, undisturbed ${ends[1]}`);

// Act: states in, actions in [−1, 1] out.
const act = await device.compile(({ input }) => ({
  action: learner.distribution(input('observation', [1, 2])).mode(),
}));
act.write({ observation: [0.5, 0] });
act.run();
const action = await act.readScalar('action');
console.log(`at [0.5, 0] the policy takes ${action.toFixed(3)}`);
await device.dispose();
await rm(folder, { recursive: true });

if (ends[0] !== ends[1]) throw new Error('The resumed run ends otherwise than the undisturbed one.');
if (!(Math.abs(action) <= 1)) throw new Error(`The action ${action} is outside of [−1, 1].`);
