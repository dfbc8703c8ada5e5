// A program that used threads ends by itself, with the right exit code, whether or not it disposed of its device.
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { run } from '../helpers/process.ts';

const test = suite('wasm at the end of a process');

const library = pathToFileURL(join(process.cwd(), 'dist', 'index.js')).href;
const program = (dispose: boolean): string => `
import { matmul, open } from ${JSON.stringify(library)};
const device = await open({ backend: 'wasm', wasm: { threads: 2 } });
const update = await device.compile(({ input }) => {
  const x = input('x', [256, 256]);
  return { y: matmul(x, x) };
});
update.write({ x: new Float32Array(65536).fill(1) });
update.run(3);
console.log((await update.read('y'))[0], device.backend.information.threads);
${dispose ? 'await device.dispose();' : ''}
`;

const { DIVERGRAD_DENO: deno } = process.env;
const runtimes: [name: string, command: string, args: string[]][] = [
  ['node', process.execPath, ['--input-type=module', '-e']],
  ...(deno ? [['deno', deno, ['eval', '--no-config']] as [string, string, string[]]] : []),
];

for (const [name, command, args] of runtimes) {
  for (const dispose of [true, false]) {
    test(`${name} ${dispose ? 'after' : 'without'} disposing`, async () => {
      const { code, signal, stdout, stderr } = await run(command, [...args, program(dispose)]);
      assert.is(signal, null, stderr);
      assert.is(code, 0, stderr);
      assert.is(stdout.trim(), '256 2');
    });
  }
}

test.run();
