// Checkpoints as bytes: exact there and back, and every damage is found.
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { CheckpointError, type CheckpointFault } from '../../src/errors.ts';
import { crc32 } from '../../src/math/crc32.ts';
import { PhiloxStream } from '../../src/math/philox.ts';
import type { Checkpoint } from '../../src/rl/checkpoint.ts';
import { checkpointVersion, decodeCheckpoint, encodeCheckpoint } from '../../src/rl/checkpoint-format.ts';
import { bytesOf } from '../helpers/training.ts';

const checkpoint: Checkpoint = {
  streams: 2,
  settings: { environment: 'pendulum', seed: 7, 'learner.hidden': '[8,8]' },
  step: 40,
  updates: 25,
  evaluations: [
    {
      step: 20,
      updates: 5,
      returns: [-1200.25, -1100.125],
      meanReturn: -1150.1875,
      metrics: { entropy: 0.5 },
    },
  ],
  random: { seed: 7, purpose: 'warmup', index: 0, position: 81, spareNormal: -0.25 },
  environments: [
    {
      state: {
        environment: 'pendulum',
        physics: [-0, 1 / 3],
        elapsedSteps: 40,
        running: true,
        random: { seed: 7, purpose: 'environment', index: 0, position: 8, spareNormal: null },
      },
      observation: Float32Array.of(-0, 0.1, -3),
    },
  ],
  replay: { rows: Float32Array.of(1, -0, 3.5, 1e-40), next: 2 },
  states: new Map<string, Float32Array | Float64Array | Uint32Array>([
    ['clock', Uint32Array.of(7, 0, 25, 0xffffffff)],
    ['policy.parameters', Float32Array.of(0.1, -0.2, 1e-45)],
    ['exact', Float64Array.of(Math.PI)],
  ]),
};
const bytes = bytesOf(checkpoint);

function faultOf(damaged: Uint8Array): CheckpointFault | 'none' {
  try {
    decodeCheckpoint(damaged);
    return 'none';
  } catch (error) {
    assert.instance(error, CheckpointError);
    return (error as CheckpointError).fault;
  }
}

/** Recomputes the checksum, so that what lies under it is reached. */
function sealed(content: Uint8Array): Uint8Array {
  const copy = content.slice();
  new DataView(copy.buffer).setUint32(copy.length - 4, crc32(copy.subarray(0, -4)), true);
  return copy;
}

test('the checksum is the one of zip and PNG', () => {
  const text = (words: string) => new TextEncoder().encode(words);
  assert.is(crc32(text('123456789')), 0xcbf43926);
  assert.is(crc32(text('')), 0);
  assert.is(crc32(text('56789'), crc32(text('1234'))), 0xcbf43926);
});

test('the checksum is the rest of a division of polynomials, whatever the length and where it begins', () => {
  const bit = (rest: number) => (rest & 1 ? 0xedb88320 ^ (rest >>> 1) : rest >>> 1);
  const divided = (of: Uint8Array): number => {
    let rest = ~0;
    for (const byte of of) {
      rest ^= byte;
      for (let i = 0; i < 8; i++) rest = bit(rest);
    }
    return ~rest >>> 0;
  };
  const random = new PhiloxStream(7, 'plain');
  const all = Uint8Array.from({ length: 80 }, () => random.nextInt(256));
  for (let begin = 0; begin < 9; begin++)
    for (let length = 0; length < 70; length++) {
      const part = all.subarray(begin, begin + length);
      assert.is(crc32(part), divided(part), `${length} bytes from ${begin}`);
      const at = length >> 1;
      assert.is(crc32(part.subarray(at), crc32(part.subarray(0, at))), divided(part));
    }
});

test('a checkpoint comes back bit for bit, zeros with their signs', () => {
  const back = decodeCheckpoint(bytes);
  assert.equal(back, checkpoint);
  assert.equal(bytesOf(back), bytes);
  assert.ok(Object.is(back.environments[0].state.physics[0], -0));
  assert.ok(Object.is(back.environments[0].observation[0], -0));
});

test('many small arrays are written in few pieces, and a large one as it is', () => {
  const [first] = checkpoint.environments;
  for (const [count, large] of [
    [1, 3],
    [1000, 2 ** 18],
    [3000, 2 ** 14 - 1],
    [3000, 2 ** 14],
  ]) {
    const rows = new Float32Array(large);
    const many: Checkpoint = {
      ...checkpoint,
      environments: Array.from({ length: count }, (_, i) => ({
        state: { ...first.state, physics: [i, -0] },
        observation: Float32Array.of(i),
      })),
      replay: { rows, next: 0 },
    };
    const pieces = encodeCheckpoint(many);
    assert.ok(pieces.length <= 12, `${pieces.length} pieces`);
    assert.is(
      pieces.some(({ buffer }) => buffer === rows.buffer),
      rows.byteLength >= 2 ** 16,
    );
    assert.equal(decodeCheckpoint(bytesOf(many)), many);
  }
});

test('it is read from any place in memory', () => {
  const shifted = new Uint8Array(bytes.length + 3);
  shifted.set(bytes, 3);
  assert.equal(decodeCheckpoint(shifted.subarray(3)), checkpoint);
  // A Buffer of Node lies anywhere in a pool, and its `slice` does not copy.
  assert.equal(decodeCheckpoint(Buffer.from(bytes)), checkpoint);
});

test('every way to cut it off is found', () => {
  for (let length = 0; length < bytes.length; length++) {
    assert.is(faultOf(bytes.slice(0, length)), 'truncated', `after ${length} bytes`);
  }
});

test('every flipped bit is found', () => {
  for (let bit = 0; bit < 8 * bytes.length; bit++) {
    const damaged = bytes.slice();
    damaged[bit >> 3] ^= 1 << (bit & 7);
    assert.is.not(faultOf(damaged), 'none', `bit ${bit}`);
  }
});

test('what follows the end is not ignored', () => {
  assert.is(faultOf(Uint8Array.of(...bytes, 0)), 'corrupted');
});

test('other files are told from damaged ones', () => {
  const text = new TextEncoder().encode('{"kind":"divergrad-checkpoint"}');
  for (const foreign of [text, new Uint8Array(100), bytes.slice(1)]) assert.is(faultOf(foreign), 'foreign');
});

test('moments that version 1 had apart come back together', () => {
  const versionOne = (...states: [string, Float32Array | Float64Array][]) => {
    const old = bytesOf({ ...checkpoint, states: new Map(states) });
    new DataView(old.buffer).setUint32(8, 1, true);
    return sealed(old);
  };
  const first: [string, Float32Array] = ['p.m', Float32Array.of(-1, 2)];
  const { states } = decodeCheckpoint(
    versionOne(['p', Float32Array.of(7, 8)], first, ['p.v', Float32Array.of(3, 4)]),
  );
  assert.equal(
    [...states],
    [
      ['p', Float32Array.of(7, 8)],
      ['p.moments', Float32Array.of(-1, 2, 3, 4)],
    ],
  );
  assert.is(faultOf(versionOne(first)), 'corrupted');
  assert.is(faultOf(versionOne(first, ['p.v', Float32Array.of(3)])), 'corrupted');
  const many = Float64Array.from({ length: 300_000 }, (_, i) => i / 7);
  const { states: large } = decodeCheckpoint(versionOne(['p.m', many], ['p.v', many]));
  assert.equal(
    large.get('p.moments'),
    Float64Array.from({ length: 600_000 }, (_, i) => many[i % 300_000]),
  );
});

test('a newer version is refused by name, whatever follows', () => {
  const newer = bytes.slice(0, 40);
  new DataView(newer.buffer).setUint32(8, checkpointVersion + 1, true);
  assert.is(faultOf(newer), 'newer');
  assert.throws(() => decodeCheckpoint(newer), /version 5; this release reads up to 4\. Update divergrad/);
});

test('any bytes give a checkpoint or the typed error, also where the checksum is right', () => {
  const change = fc.record({ at: fc.nat(), value: fc.nat(255), cut: fc.nat(40) });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), fc.boolean(), (changes, seal) => {
      let copy: Uint8Array = bytes.slice();
      for (const { at, value, cut } of changes) {
        // Small edits, within what is not the checksum; some remove a piece.
        if (cut > 36)
          copy = Uint8Array.of(...copy.slice(0, at % copy.length), ...copy.slice((at % copy.length) + cut));
        else copy[12 + (at % Math.max(1, copy.length - 16))] = value;
      }
      if (copy.length < 28) return;
      if (seal) {
        new DataView(copy.buffer).setBigUint64(16, BigInt(copy.length), true);
        copy = sealed(copy);
      }
      faultOf(copy);
      assert.is((Object.prototype as Record<string, unknown>).polluted, undefined);
    }),
    { numRuns: 2000 },
  );
});

/** The bytes with another header, sealed. */
function withHeader(edit: (header: Record<string, unknown>) => string): Uint8Array {
  const view = new DataView(bytes.buffer);
  const size = view.getUint32(12, true);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(24, 24 + size)));
  const text = new TextEncoder().encode(edit(header));
  const head = new Uint8Array(Math.ceil(text.length / 8) * 8).fill(0x20);
  head.set(text);
  const made = Uint8Array.of(...bytes.subarray(0, 24), ...head, ...bytes.subarray(24 + size));
  new DataView(made.buffer).setUint32(12, head.length, true);
  new DataView(made.buffer).setBigUint64(16, BigInt(made.length), true);
  return sealed(made);
}

test('a header of the wrong kind is damage, and names nobody can own harm nothing', () => {
  assert.is(faultOf(withHeader((header) => JSON.stringify(header))), 'none');
  const wrong: ((header: Record<string, unknown>) => unknown)[] = [
    () => null,
    () => [],
    (header) => ({ ...header, kind: 'other' }),
    (header) => ({ ...header, step: -1 }),
    (header) => ({ ...header, updates: 1.5 }),
    (header) => ({ ...header, settings: { seed: {} } }),
    (header) => ({ ...header, evaluations: [{}] }),
    (header) => ({ ...header, random: null }),
    (header) => ({ ...header, environments: [1] }),
    (header) => ({ ...header, environments: [{}, {}] }),
    (header) => ({ ...header, replay: {} }),
    (header) => ({ ...header, sections: [{ name: 'replay', type: 'toString', count: 1 }] }),
    (header) => ({ ...header, sections: [{ name: 'replay', type: 'f32', count: 2 ** 40 }] }),
    (header) => ({ ...header, sections: [] }),
  ];
  for (const [i, edit] of wrong.entries()) {
    const made = withHeader((header) => JSON.stringify(edit(header)));
    assert.is(faultOf(made), 'corrupted', `edit ${i}`);
  }
  assert.is(faultOf(withHeader(() => '{"kind":')), 'corrupted');
  const polluting = withHeader((header) =>
    JSON.stringify(header).replace('"settings":{', '"settings":{"__proto__":"polluted","constructor":1,'),
  );
  const { settings } = decodeCheckpoint(polluting);
  assert.is(Object.getPrototypeOf(settings), Object.prototype);
  assert.ok(Object.hasOwn(settings, '__proto__'));
});

test.run();
