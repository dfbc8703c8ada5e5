// Arguments drawn at random, all of them in this process.
import { test } from 'uvu';
import { command } from '../helpers/command.ts';
import { endsWell } from './arguments-setting.ts';

test('no arguments end in a crash, a hang or files elsewhere', async () => {
  const before = process.cwd();
  try {
    await endsWell(async (args, cwd) => {
      process.chdir(cwd);
      return command(...args);
    }, 300);
  } finally {
    process.chdir(before);
  }
});

test.run();
