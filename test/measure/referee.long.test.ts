// What is wrong is told and not timed, and every kernel is checked by itself.
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { ProbeError } from '../../src/errors.ts';
import { kernels } from '../../src/kernels/index.ts';
import { agreementLine } from '../../src/measure/agreement.ts';
import { costSettings, measureCost } from '../../src/measure/cost.ts';
import { checkKernels, isWrongKernel } from '../../src/measure/kernel-check.ts';
import { measureWholeUpdate } from '../../src/measure/update-cost.ts';
import { open } from '../../src/open/open.ts';
import { plantedGpu, signs } from '../helpers/planted.ts';

const settings = costSettings({ batch: 5, hidden: [4], rounds: 1, minimumMs: 0 });

test('a wrong estimator is told and not timed, the others are; a wrong whole update is refused', async () => {
  const gpu = plantedGpu('Planted for a row', signs.loss_reverse_kl);
  const device = await open({ backend: 'webgpu', webgpu: { gpu }, probe: false });
  try {
    const estimators = ['reverse-kl/pathwise', 'reverse-kl/score:loo'];
    const { rows, wrong = [], baseline } = await measureCost(device, { ...settings, estimators });
    assert.equal(
      wrong.map(({ estimator }) => estimator),
      ['reverse-kl/pathwise'],
    );
    assert.match(
      agreementLine(wrong[0].agreement),
      /gradient of policy.parameters is .*, expected .* float64/,
    );
    assert.equal(
      rows.map(({ estimator, ratio }) => [estimator, ratio]),
      [['reverse-kl/score:loo', 1]],
    );
    assert.is(baseline, 'reverse-kl/score:loo');
    const whole = measureWholeUpdate(device, estimators[0], settings, { variants: ['fused'] });
    assert.instance(await whole.catch((error: unknown) => error), ProbeError);
    const told: string[] = [];
    const onWrong = ({ estimator }: { readonly estimator: string }) => void told.push(estimator);
    const none = await measureWholeUpdate(device, estimators[0], settings, {
      variants: ['fused'],
      onWrong,
    });
    assert.equal([none, told], [[], ['whole update (fused)']]);
  } finally {
    await device.dispose();
  }
});

test('every kernel of the wasm backend is checked, at several shapes, and right; or those asked for', async () => {
  const device = await open({ backend: 'wasm' });
  const checks = await checkKernels(device);
  assert.equal(
    checks.filter(isWrongKernel).map(({ kernel }) => kernel),
    [],
  );
  assert.equal(
    checks.map(({ kernel }) => kernel),
    [...kernels.map(({ name }) => name), 'generated'].sort(),
  );
  assert.ok(checks.every(({ steps }) => steps >= 2));
  const some = await checkKernels(device, new Set(['adam', 'tick']));
  assert.equal(
    some.map(({ kernel }) => kernel),
    ['adam', 'tick'],
  );
  await device.dispose();
});

test.run();
