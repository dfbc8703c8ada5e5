// Arguments drawn at random, each time a process of the built program.
import { resolve } from 'node:path';
import { test } from 'uvu';
import { cliFile, run } from '../helpers/process.ts';
import { endsWell } from './arguments-setting.ts';

const file = resolve(cliFile);

test('no arguments end the built program in a crash, a hang or files elsewhere', () =>
  endsWell((args, cwd) => run(process.execPath, [file, ...args], { cwd }), 60));

test.run();
