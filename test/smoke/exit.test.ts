// A process that has used WebGPU ends by itself, promptly and with the right exit code.
import { spawnSync } from 'node:child_process';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';

const expected = {
  ends: 0,
  destroys: 0,
  throws: 1,
  rejects: 1,
  exits: 5,
  'sets a code': 4,
};

const runtimes: [name: string, command: string | undefined, args: string[]][] = [
  ['node', process.execPath, []],
  ['deno', process.env.DIVERGRAD_DENO, ['run', '-A', '--no-config', '--no-remote']],
];

for (const [name, command, args] of runtimes) {
  const test = suite(name);
  for (const [mode, code] of Object.entries(expected)) {
    test(`a process with a device ${mode}`, () => {
      assert.ok(command, `there is no ${name}`);
      const options = { encoding: 'utf8', timeout: 30_000 } as const;
      const { status, signal, stdout, stderr } = spawnSync(
        command,
        [...args, 'test/smoke/device-process.mjs', mode],
        options,
      );
      assert.is(signal, null, `${name} was ended by ${signal}: ${stderr}`);
      assert.is(stdout.trim(), 'read 1 2 3 4', stderr);
      assert.is(status, code, stderr);
      assert.is(stderr.includes('on purpose'), mode === 'throws' || mode === 'rejects', stderr);
    });
  }
  test.run();
}
