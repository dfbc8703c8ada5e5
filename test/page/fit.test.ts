// The numbers beside a fit, against sums over the densities that are drawn.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { Fit } from '../../web/see/fit.ts';
import { CLOUD, divergences, gridAxis } from '../../web/see/settings.ts';
import { presets } from '../../web/see/targets.ts';
import { openDevice } from '../helpers/devices.ts';

const test = suite('fit');

for (const [family, space] of [
  ['tanh-gaussian', 'box'],
  ['gaussian', 'line'],
] as const)
  test(`${family}: divergences and effective sample size are those of the curves`, async () => {
    const device = await openDevice();
    const settings = { dimensions: 1, family, estimator: 'reverse-kl/pathwise', order: 0.5 } as const;
    const fit = await Fit.open(device, { ...settings, samples: 4, learningRate: 0.01, seed: 2 });
    const target = presets.find(({ name }) => name === 'bimodal');
    if (!target) throw new Error('no such target');
    fit.follow({ bumps: target.bumps(1), temperature: 0.5 });
    fit.start([0.3, -0.9]);
    const frame = await fit.advance(1);
    fit.dispose();
    await device.dispose();

    const axis = gridAxis(1, space);
    const width = axis[1] - axis[0];
    const normalised = (values: Float32Array) => {
      const total = values.reduce((sum, value) => sum + value * width, 0);
      assert.ok(Math.abs(total - 1) < 0.02, `a density adds up to ${total}`);
      return Array.from(values, (value) => value / total);
    };
    const [pi, p] = [normalised(frame.policy), normalised(frame.target)];
    const over = (of: (q: number, t: number) => number) =>
      pi.reduce((sum, q, i) => sum + (q > 0 && p[i] > 0 ? width * of(q, p[i]) : 0), 0);
    const log = Math.log;
    const expected: Record<(typeof divergences)[number]['name'], number> = {
      'reverse-kl': over((q, t) => q * log(q / t)),
      'forward-kl': over((q, t) => t * log(t / q)),
      'jensen-shannon': over((q, t) => 0.5 * (q * log((2 * q) / (q + t)) + t * log((2 * t) / (q + t)))),
      hellinger: over((q, t) => 0.5 * (Math.sqrt(q) - Math.sqrt(t)) ** 2),
      'total-variation': over((q, t) => 0.5 * Math.abs(q - t)),
    };
    divergences.forEach(({ name }, i) => {
      const gap = Math.abs(frame.divergences[i] / expected[name] - 1);
      assert.ok(gap < 0.05, `${name}: ${frame.divergences[i]}, the curves have ${expected[name]}`);
    });

    // Weights of the cloud by the curves at the nearest point of the grid.
    const at = (values: readonly number[], x: number) =>
      values[Math.min(axis.length - 1, Math.max(0, Math.round((x - axis[0]) / width)))];
    const weights = Array.from(frame.cloud, (x) => at(p, x) / at(pi, x));
    const [sum, squares] = [weights.reduce((a, b) => a + b), weights.reduce((a, b) => a + b * b, 0)];
    const share = sum ** 2 / squares / CLOUD;
    const gap = Math.abs(frame.effectiveSampleShare / share - 1);
    assert.ok(gap < 0.05, `share ${frame.effectiveSampleShare}, the curves have ${share}`);
    assert.ok(share > 0.02 && share < 0.9, 'the share tells nothing');
  });

test('divergences that two rules do not agree on are not told', async () => {
  const device = await openDevice();
  const settings = {
    dimensions: 1,
    family: 'tanh-gaussian',
    estimator: 'reverse-kl/pathwise',
    order: 0.5,
  } as const;
  const fit = await Fit.open(device, { ...settings, samples: 4, learningRate: 0, seed: 2 });
  const target = presets.find(({ name }) => name === 'bimodal');
  if (!target) throw new Error('no such target');
  fit.follow({ bumps: target.bumps(1), temperature: 0.5 });
  const told = async (head: readonly number[]) => {
    fit.start(head);
    return (await fit.advance(1)).divergences.map(Number.isFinite);
  };
  assert.equal(await told([0.3, -0.9]), [true, true, true, true, true]);
  // A deviation of a tenth of the nodes' distance, and a policy beyond the last node.
  assert.equal(await told([0.31, -5.5]), [false, false, false, false, false]);
  assert.equal(await told([9, -2]), [false, false, false, false, false]);
  fit.dispose();
  await device.dispose();
});

test.run();
