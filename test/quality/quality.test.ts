// What the quality study reports: repeatable, with intervals, and what it refuses.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device } from '../../src/device.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { UsageError } from '../../src/errors.ts';
import {
  measureQuality,
  type QualityOptions,
  type QualityReport,
  qualityGroups,
  qualitySettings,
} from '../../src/quality/quality.ts';

const report = suite('report');

async function measure(options: QualityOptions): Promise<QualityReport> {
  const device = new Device(createCpuBackend());
  try {
    return await measureQuality(device, { replications: 64, ...options });
  } finally {
    await device.dispose();
  }
}
const small: QualityOptions = {
  estimators: ['reverse-kl/pathwise', 'forward-kl/snis'],
  distributions: ['gaussian'],
  targets: ['quadratic', 'bimodal'],
  temperatures: [1],
  samples: [4, 16],
};
/** Rows without what a clock measured. */
const timeless = ({ rows }: QualityReport) =>
  rows.map(({ ms: _, workNormalisedVariance: __, ...row }) => row);

report('repeats with its seed, differs with another, whatever else is measured', async () => {
  const first = await measure(small);
  assert.equal(timeless(await measure(small)), timeless(first));
  assert.not.equal(timeless(await measure({ ...small, seed: 1 })), timeless(first));
  const alone = await measure({ ...small, targets: ['bimodal'], estimators: ['forward-kl/snis'] });
  assert.equal(
    timeless(alone),
    timeless(first).filter(
      ({ target, estimator }) => target === 'bimodal' && estimator === 'forward-kl/snis:policy',
    ),
  );
});

report('holds an interval around every figure', async () => {
  const { rows, intervals } = await measure(small);
  assert.is(rows.length, 8);
  assert.match(intervals, /95%/);
  for (const row of rows) {
    for (const figure of [row.bias, row.variance, row.cosine, row.ms, row.workNormalisedVariance]) {
      assert.ok(figure && figure.low <= figure.value && figure.value <= figure.high, JSON.stringify(row));
    }
    assert.is(row.effectiveSampleSize !== null, row.estimator === 'forward-kl/snis:policy');
  }
});

report('says what each KL penalty follows', async () => {
  const { penalties } = await measure({ ...small, samples: [4] });
  for (const distribution of ['gaussian', 'categorical']) {
    const of = (estimator: string) => {
      const row = penalties.find((p) => p.estimator === estimator && p.distribution === distribution);
      if (!row) throw new Error(`${estimator} is missing`);
      return row;
    };
    // What is measured is what the labels say.
    for (const { estimator, finding } of penalties.filter((row) => row.distribution === distribution)) {
      const { quality, follows } = chooseEstimator(estimator);
      const own = follows.name === 'nothing' ? 'mean 0' : 'neither';
      assert.is(finding, quality === 'unbiased' ? follows.name : own, estimator);
    }
    assert.is(of('kl-penalty/k1:on-policy').finding, 'mean 0');
    assert.ok((of('kl-penalty/k1:on-policy').normRatio.high ?? 1) < 0.05);
    for (const name of ['kl-penalty/k2:on-policy', 'kl-penalty/k1-iw', 'kl-penalty/k3-iw']) {
      assert.is(of(name).finding, 'KL(π ‖ π_ref)', name);
      assert.ok((of(name).cosineReverse?.low ?? 0) > 0.99, name);
      assert.ok((of(name).cosineForward?.high ?? 1) < 0.9, name);
    }
    assert.is(of('kl-penalty/k3:on-policy').finding, 'KL(π_ref ‖ π)');
    assert.ok((of('kl-penalty/k3:on-policy').cosineForward?.low ?? 0) > 0.99);
    for (const name of ['k1:off-policy', 'k2:off-policy', 'k3:off-policy', 'k2-iw']) {
      assert.is(of(`kl-penalty/${name}`).finding, 'neither', name);
    }
  }
});

report('refuses what cannot be measured', () => {
  const refused = (options: QualityOptions, message: RegExp) =>
    assert.throws(
      () => qualityGroups(qualitySettings(options)),
      (error: unknown) => error instanceof UsageError && message.test(error.message),
    );
  refused(
    { estimators: ['reverse-kl/pathwise'], distributions: ['categorical'] },
    /needs a policy that can be sampled by repar.*these work/,
  );
  refused({ targets: ['quadratic'], distributions: ['categorical'] }, /choices.*these work: choices/);
  refused({ targets: ['boundry'] }, /Did you mean 'boundary'/);
  refused({ estimators: ['reverse-kl/nothing'] }, /Unknown estimator/);
  refused({ temperatures: [0] }, /above 0/);
  refused({ samples: [0] }, /whole numbers from 1/);
  refused({ replications: 1 }, /at least 2/);
  const groups = qualityGroups(qualitySettings({ estimators: ['forward-kl/moment'] }));
  assert.equal([...new Set(groups.map(({ family }) => family.name))], ['gaussian', 'tanh-gaussian']);
});
report.run();
