// The quick examples: the README's, and what reads but does not compute.
import { test } from 'uvu';
import { nodeExamples } from '../helpers/examples.ts';
import { runExample } from './examples-setting.ts';

for (const example of nodeExamples.filter(({ quick }) => quick))
  test(`${example.file} runs, and says what it should`, () => runExample(example));

test.run();
