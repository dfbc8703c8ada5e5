// Every random number has a purpose out of the table in src/math/streams.ts.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { purposes } from '../src/math/streams.ts';

const names = Object.keys(purposes);

function* files(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) {
      if (entry.name !== 'node_modules') yield* files(join(folder, entry.name));
    } else if (entry.name.endsWith('.ts')) yield join(folder, entry.name);
  }
}

/** Code without comments, by file. */
const sources = new Map(
  ['src', 'web', 'bench']
    .flatMap((folder) => [...files(folder)])
    .map((file) => [
      file.replaceAll('\\', '/'),
      readFileSync(file, 'utf8')
        .replace(/\/\*[\s\S]*?\*\//g, '')
        .replace(/^\s*\/\/.*$/gm, ''),
    ]),
);

/** Arguments of every call of a function, as text. */
function* calls(code: string, name: string): Generator<string> {
  for (const found of code.matchAll(new RegExp(`(?<!function )\\b${name}\\(`, 'g'))) {
    const begin = found.index + found[0].length;
    let end = begin;
    for (let depth = 1; depth > 0; end++) depth += { '(': 1, ')': -1 }[code[end]] ?? 0;
    yield code.slice(begin, end - 1);
  }
}

const named = (text: string) => [...text.matchAll(/'(\w+)'/g)].some(([, name]) => names.includes(name));

test('every stream, clock and drawn seed names its purpose', () => {
  let seen = 0;
  for (const [file, code] of sources)
    for (const maker of ['new PhiloxStream', 'clockState', 'drawnSeed', 'streamKey'])
      for (const text of calls(code, maker)) {
        seen++;
        // What a purpose is handed on through.
        if (/^seed, (purpose|purpose, (index|net))$/.test(text) || text === "seed, 'clock', purpose")
          continue;
        assert.ok(named(text), `${file}: ${maker}(${text}) has no purpose`);
      }
  assert.ok(seen >= 25, `${seen} were found`);
});

test('every network that is trained names what its weights are drawn for', () => {
  for (const [file, code] of sources)
    for (const text of calls(code, 'mlp'))
      if (/\bseed\b/.test(text)) assert.match(text, /\bpurpose\b/, `${file}: mlp(${text})`);
});

test('no other source of random numbers, and no seed made of another by adding', () => {
  // A blocked lock waits for a random time.
  const waits = 'src/study/runs/lock.ts';
  // Seeds of a study's runs; and how the reference values fill their arrays.
  const counted = ['src/study/config.ts', 'src/verify/format.ts'];
  for (const [file, code] of sources) {
    if (file !== waits) assert.not.match(code, /Math\.random|getRandomValues|randomBytes|randomUUID/, file);
    if (!counted.includes(file))
      assert.not.match(code, /\b\w*[sS]eed\b\s*[+^*]\s*\w|\w\s*\+\s*\w*[sS]eed\b(?!\()/, file);
    // Blocks are made by the streams, and by the kernels that draw on a clock.
    if (!/^src\/(math\/philox|backend\/cpu\/\w+)\.ts$/.test(file))
      assert.not.match(code, /\bphilox4x32\(/, file);
  }
});

test('every purpose is used; those whose names stand for nothing else, in one file', () => {
  const users = (name: string) =>
    [...sources].flatMap(([file, code]) =>
      file !== 'src/math/streams.ts' && code.includes(`'${name}'`) ? [file] : [],
    );
  for (const name of names) {
    assert.ok(users(name).length > 0, `${name} has no use`);
    if (/[A-Z]/.test(name) && name !== 'benchInputs') assert.is(users(name).length, 1, name);
  }
});

test.run();
