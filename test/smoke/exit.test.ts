// A process that has used WebGPU ends by itself, promptly and with the right exit code.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { everywhere, startIn } from '../helpers/process.ts';

const expected = {
  ends: 0,
  destroys: 0,
  throws: 1,
  rejects: 1,
  exits: 5,
  'sets a code': 4,
};

for (const name of everywhere) {
  const test = suite(name);
  for (const [mode, wanted] of Object.entries(expected)) {
    test(`a process with a device ${mode}`, async () => {
      const { code, signal, stdout, stderr } = await startIn(name, 'test/smoke/device-process.mjs', [mode])
        .ended;
      assert.is(signal, null, `${name} was ended by ${signal}: ${stderr}`);
      assert.is(stdout.trim(), 'read 1 2 3 4', stderr);
      assert.is(code, wanted, stderr);
      assert.is(stderr.includes('on purpose'), mode === 'throws' || mode === 'rejects', stderr);
    });
  }
  test.run();
}
