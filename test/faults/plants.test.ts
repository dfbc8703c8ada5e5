// Each fault that the tries are to find stands where it is to be planted, and changes what stands there.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { editedSources } from '../helpers/edited-cli.ts';
import { plants } from './plants.ts';

for (const plant of plants)
  test(`it can be planted that ${plant.name}`, () => {
    const [[, text]] = editedSources([plant]);
    assert.ok(text.includes(plant.to) && text !== readFileSync(plant.file, 'utf8'));
  });

test('what stands nowhere, or twice, is refused', () => {
  const file = 'src/rl/seal.ts';
  assert.throws(() => editedSources([{ file, from: 'nowhere to be seen', to: '' }]), /stands there 0 times/);
  assert.throws(() => editedSources([{ file, from: 'return', to: '' }]), /stands there \d+ times, not once/);
});

test.run();
