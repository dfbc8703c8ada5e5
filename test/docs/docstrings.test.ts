// What an editor shows of the public API: every exported name says what it is, and every option what it is when absent.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const read = (file: string): string => readFileSync(file, 'utf8');

/** [name, file] of all that a module exports again from others, `export *` included. */
function exportsOf(file: string): [name: string, from: string][] {
  return [...read(file).matchAll(/^export (?:type )?(?:\{([^}]*)\}|\*) from '(\.[^']+)';/gm)].flatMap(
    ([, names, from]): [string, string][] => {
      const path = join(dirname(file), from);
      if (names === undefined) return exportsOf(path);
      const own = names.split(',').map((name) => name.replace(/^\s*type\s|\sas\s.*$/g, '').trim());
      return own.filter(Boolean).map((name) => [name, path]);
    },
  );
}

/** The text before a declaration in a file, or in one that the file exports it from. */
function before(name: string, file: string): string | undefined {
  const text = read(file);
  const declaration = new RegExp(
    `^export (?:abstract |async |declare )*(?:const|let|function\\*?|class|interface|type) ${name}\\b`,
    'm',
  );
  const at = text.search(declaration);
  if (at >= 0) return text.slice(0, at);
  // From another file, which this one exports again or imports it from.
  for (const [, names, from] of text.matchAll(
    /^(?:ex|im)port (?:type )?(?:\{([^}]*)\}|\*) from '(\.[^']+)';/gm,
  )) {
    if (names !== undefined && !new RegExp(`\\b${name}\\b`).test(names)) continue;
    const found = before(name, join(dirname(file), from));
    if (found !== undefined) return found;
  }
  return undefined;
}
const documented = (text: string): boolean => text.trimEnd().endsWith('*/');

const exported = exportsOf('src/index.ts');

test('every name that the library exports says what it is', () => {
  assert.ok(exported.length > 150, `${exported.length} names`);
  const silent = exported.filter(([name, file]) => {
    const text = before(name, file);
    assert.ok(text !== undefined, `${name} is not declared in ${file}`);
    return !documented(text);
  });
  assert.equal(
    silent.map(([name, file]) => `${file}: ${name}`),
    [],
  );
});

/** The members of an interface of options: [name, whether it may be absent, its comment]. */
function membersOf(body: string): [name: string, optional: boolean, comment: string][] {
  return [...body.matchAll(/((?:\/\*\*(?:(?!\*\/)[\s\S])*\*\/\s*)?)readonly (\w+)(\??):/g)].map(
    ([, comment, name, mark]) => [name, mark === '?', comment],
  );
}

test('every option says what it is, and what it is when absent', () => {
  const wrong: string[] = [];
  let seen = 0;
  for (const file of [...files('src')].filter((name) => name.endsWith('.ts')))
    for (const [, name, body] of read(file).matchAll(
      /^export interface (\w+Options)\b[^{]*\{\n([\s\S]*?)^\}/gm,
    )) {
      if (!exported.some(([own]) => own === name)) continue;
      for (const [member, optional, comment] of membersOf(body)) {
        seen++;
        if (comment === '') wrong.push(`${name}.${member} says nothing`);
        else if (optional && !/\b(absent|default|defaults|without|never)\b/i.test(comment))
          wrong.push(`${name}.${member} does not say what it is when absent`);
      }
    }
  assert.ok(seen > 60, `${seen} options`);
  assert.equal(wrong, []);
});

function* files(folder: string): Generator<string> {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) yield* files(`${folder}/${entry.name}`);
    else yield `${folder}/${entry.name}`;
  }
}

test.run();
