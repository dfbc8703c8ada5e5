// This library, by its public interface.
import {
  type Device,
  grad,
  gradient,
  mul,
  open,
  reshape,
  sliceAxis,
  sum,
  type Tensor,
  type TransitionBatch,
  type Update,
  version,
} from '../../../src/index.ts';
import type { Contestant, Opening, RunCounts } from '../contestant.ts';
import { headGradients, learnerOf, type WorkSize, workData, workSizes } from '../work.ts';

export async function openOwn({ backend, task, work, seed, threads, double }: Opening): Promise<Contestant> {
  const size = workSizes[work];
  const start = performance.now();
  const device = await open({
    backend,
    ...(double ? { precision: 'f64' as const } : {}),
    ...(backend === 'wasm' && threads ? { wasm: { threads } } : {}),
  });
  const update = task === 'update' ? await sacUpdate(device, size, seed) : await layers(device, size, seed);
  update.run();
  await device.backend.synchronize();
  const firstUpdateMs = performance.now() - start;
  return {
    get facts() {
      const { description, information } = device.backend;
      const count = information.threads;
      return { version, description, threads: typeof count === 'number' ? count : null, firstUpdateMs };
    },
    run: async (updates) => {
      update.run(updates);
      await device.backend.synchronize();
    },
    losses: async () => ({
      criticLoss: await update.readScalar('criticLoss'),
      policyLoss: await update.readScalar('policyLoss'),
    }),
    layers: async () => {
      const values: Record<string, Float32Array> = {};
      for (const name of update.program.outputs.keys())
        values[name] = Float32Array.from(await update.read(name));
      return values;
    },
    counts: (updates) => countRun(device, update, updates),
    dispose: () => device.dispose(),
  };
}

async function countRun(device: Device, update: Update, updates: number): Promise<RunCounts> {
  await device.backend.synchronize();
  const before = { ...device.backend.counters };
  const start = performance.now();
  update.run(updates);
  const hostMs = performance.now() - start;
  await device.backend.synchronize();
  const { counters } = device.backend;
  return {
    updates,
    kernels: update.program.kernels,
    flops: update.program.flops,
    submits: counters.submits - before.submits,
    readbacks: counters.readbacks - before.readbacks,
    hostMs,
  };
}

/** The learner's own update; the batch and the noise are inputs instead of draws. */
async function sacUpdate(device: Device, size: WorkSize, seed: number): Promise<Update> {
  const { observations, actions, batch } = size;
  const learner = learnerOf(size, seed);
  const rewardColumn = observations + actions;
  const next = rewardColumn + 2;
  const update = await device.compile(({ input }) => {
    // Rows as the replay buffer draws them.
    const rows = input('rows', [batch, next + observations]);
    const columns = (from: number, count: number) => sliceAxis(rows, 1, from, from + count);
    const transitions: TransitionBatch = {
      rows,
      rewardColumn,
      terminatedColumn: rewardColumn + 1,
      states: columns(0, observations),
      actions: columns(observations, actions),
      rewards: reshape(columns(rewardColumn, 1), [batch]),
      terminated: reshape(columns(rewardColumn + 1, 1), [batch]),
      nextStates: columns(next, observations),
    };
    const noise = input('noise', [2, batch, actions]);
    const { criticLoss, policyLoss } = learner.recordUpdate(transitions, {
      policy: sliceAxis(noise, 0, 0, 1),
      next: sliceAxis(noise, 0, 1, 2),
    });
    return { criticLoss, policyLoss };
  });
  const data = workData(size, seed);
  const rows = new Float32Array(batch * (next + observations));
  const put = (values: Float32Array, from: number) => {
    const width = values.length / batch;
    for (let i = 0; i < batch; i++)
      rows.set(values.subarray(i * width, (i + 1) * width), i * (next + observations) + from);
  };
  put(data.states, 0);
  put(data.actions, observations);
  put(data.rewards, rewardColumn);
  put(data.terminated, rewardColumn + 1);
  put(data.nextStates, next);
  update.write({ rows, noise: Float32Array.of(...data.policyNoise, ...data.nextNoise) });
  return update;
}

/** The dense layers of {@link sacUpdate} alone, with given cotangents of their heads. */
async function layers(device: Device, size: WorkSize, seed: number): Promise<Update> {
  const { observations, actions, batch } = size;
  const { policy, critics, targetCritics } = learnerOf(size, seed);
  const update = await device.compile(({ input }) => {
    const states = input('states', [batch, observations]);
    const nextStates = input('nextStates', [batch, observations]);
    const stored = input('actions', [batch, actions]);
    const nextActions = input('nextNoise', [batch, actions]);
    const chosen = input('policyNoise', [batch, actions]);
    const along = (head: Tensor, cotangent: Tensor) => sum(mul(head, cotangent));
    const nextHead = policy(nextStates);
    const nextValue = targetCritics(nextStates, nextActions);
    const ofCritics = along(critics(states, stored), input('dCritics', [2, batch, 1]));
    const ofPolicy = along(policy(states), input('dPolicy', [batch, 2 * actions]));
    const ofValue = along(critics(states, chosen), input('dValue', [2, batch, 1]));
    return {
      nextHead,
      nextValue,
      critics: gradient(ofCritics, critics.parameters),
      policy: gradient(ofPolicy, policy.parameters),
      chosen: grad(ofValue, [chosen])[0],
    };
  });
  const { states, nextStates, actions: stored, nextNoise, policyNoise } = workData(size, seed);
  const heads = headGradients(size, seed);
  update.write({
    ...{ states, nextStates, actions: stored, nextNoise, policyNoise },
    ...{ dCritics: heads.critics, dPolicy: heads.policy, dValue: heads.value },
  });
  return update;
}
