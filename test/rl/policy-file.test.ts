// Saved policies: what is written acts as what was trained, and what is no policy is refused by name.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device } from '../../src/device.ts';
import { distributionFamilies, distributionFamily } from '../../src/distributions/registry.ts';
import { missingNeeds } from '../../src/divergences/estimator.ts';
import { chooseEstimator, estimatorChoices } from '../../src/divergences/registry.ts';
import { DataError } from '../../src/errors.ts';
import { ActorCritic } from '../../src/rl/actor-critic.ts';
import { parsePolicy, SavedPolicy, savePolicy } from '../../src/rl/policy-file.ts';
import { allclose } from '../helpers/allclose.ts';
import { normals } from '../helpers/gradcheck.ts';

for (const family of distributionFamilies) {
  test(`${family.name}: a policy saved and read acts as before`, async () => {
    const estimator = estimatorChoices().find((choice) => missingNeeds(choice.needs, family, 2).length === 0);
    if (!estimator) throw new Error('an estimator for every family');
    const learner = new ActorCritic({
      observations: 3,
      actions: { kind: family.capabilities.actionKind, size: 2 },
      estimator,
      family,
      hidden: [8, 5],
      activation: 'tanh',
      seed: 7,
    });
    const states = normals(12, 1);
    const modes = async (device: Device, act: Pick<SavedPolicy, 'distribution'>) => {
      const update = await device.compile(({ input }) => ({
        mode: act.distribution(input('states', [4, 3])).mode(),
      }));
      update.write({ states });
      update.run();
      return update.read('mode');
    };
    const first = new Device(createCpuBackend());
    const expected = Float64Array.from(await modes(first, learner));
    const text = JSON.stringify(await savePolicy(first, learner, 'pendulum'));
    await first.dispose();
    const device = new Device(createCpuBackend());
    const policy = new SavedPolicy(parsePolicy(JSON.parse(text), 'the text'));
    // On every device, loaded or not, also where its memory was freed.
    allclose(await modes(device, policy), expected, { rtol: 0, atol: 0 });
    device.write(policy.network.parameters, new Float32Array(policy.network.parameters.size));
    policy.load(device);
    allclose(await modes(device, policy), expected, { rtol: 0, atol: 0 });
    await device.dispose();
  });
}

test('bounds of log-std given to a learner are in its policy, infinite ones too', async () => {
  const states = normals(12, 3);
  for (const logStd of [
    [-0.125, 0.25],
    [Number.NEGATIVE_INFINITY, -3],
  ] as const) {
    const learner = new ActorCritic({
      observations: 3,
      actions: { kind: 'box', size: 2 },
      estimator: chooseEstimator('reverse-kl/pathwise'),
      family: distributionFamily('tanh-gaussian'),
      familyOptions: { logStd },
      hidden: [8],
      seed: 7,
    });
    const draw = async (device: Device, act: Pick<SavedPolicy, 'distribution'>) => {
      const update = await device.compile(({ input }) => ({
        actions: act.distribution(input('states', [4, 3])).sample(5).actions,
      }));
      update.write({ states });
      update.run();
      return update.read('actions');
    };
    const first = new Device(createCpuBackend());
    const expected = Float64Array.from(await draw(first, learner));
    const text = JSON.stringify(await savePolicy(first, learner, 'pendulum'));
    await first.dispose();
    const policy = new SavedPolicy(parsePolicy(JSON.parse(text), 'the text'));
    const device = new Device(createCpuBackend());
    policy.load(device);
    allclose(await draw(device, policy), expected, { rtol: 0, atol: 0 });
    await device.dispose();
  }
});

const good = {
  kind: 'divergrad-policy',
  version: 1,
  environment: 'pendulum',
  estimator: 'reverse-kl/pathwise',
  distribution: 'tanh-gaussian',
  observations: 3,
  actions: 1,
  hidden: [2],
  activation: 'relu',
  parameters: new Array<number>(3 * 2 + 2 + 2 * 2 + 2).fill(0.5),
};

test('what is no policy is refused with what is wrong', () => {
  assert.is(parsePolicy(good, 'p'), good);
  const refused = (value: unknown, message: RegExp) =>
    assert.throws(
      () => parsePolicy(value, "'p.json'"),
      (error: unknown) => error instanceof DataError && message.test(error.message),
    );
  for (const foreign of [null, 3, 'text', [], {}, { kind: 'divergrad-run' }])
    refused(foreign, /'p\.json' is not a saved policy\. Name a policy\.json/);
  refused({ ...good, version: 3 }, /has version 3, and this program reads versions 1 and 2\. Use the newer/);
  refused({ ...good, version: '1' }, /has version "1"/);
  refused({ ...good, environment: 7 }, /environment 7, not a name/);
  refused({ ...good, distribution: 'toString' }, /unknown distribution "toString"/);
  refused({ ...good, activation: undefined }, /unknown activation undefined/);
  for (const familyOptions of [null, {}, { logStd: [1] }, { logStd: [2, 1] }, { logStd: ['a', 1] }])
    refused({ ...good, familyOptions }, /has familyOptions .*, not bounds of log-std/);
  refused({ ...good, observations: 0 }, /observations 0, not a size/);
  refused({ ...good, actions: 1.5 }, /actions 1\.5, not a size/);
  refused({ ...good, hidden: [2, -1] }, /hidden \[2,-1\], not a list of sizes/);
  refused({ ...good, hidden: '2' }, /not a list of sizes/);
  refused({ ...good, hidden: [3] }, /has 14 parameters, and a network of 3-3-2 has 20/);
  refused({ ...good, parameters: 'all' }, /no list of parameters/);
  for (const bad of [null, '1', 1e300]) {
    const parameters = good.parameters.with(4, bad as number);
    refused({ ...good, parameters }, /at parameter 4, not a finite number/);
  }
  assert.throws(
    () => new SavedPolicy({ ...good, version: 1, hidden: [9], kind: 'divergrad-policy' }),
    (error: unknown) => error instanceof DataError,
  );
});

test.run();
