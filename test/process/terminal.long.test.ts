// The sessions that the documents show are those of today.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { inFolder } from '../helpers/process.ts';
import { terminalDocument } from './terminal-setting.ts';

/** A row without its numbers, which differ from run to run and machine to machine, and the room before them. */
const shape = (text: string) => text.replace(/ *-?\d[\d.]*/g, '#');

test('docs/terminal.md shows what terminals show', () =>
  inFolder(async (folder) => {
    const kept = readFileSync('docs/terminal.md', 'utf8');
    const made = await terminalDocument(folder);
    const rows = (text: string) =>
      shape(text)
        .split('\n')
        .filter((row) => !row.includes('training'));
    assert.equal(rows(made), rows(kept), 'run: node build.mjs sessions');
    for (const [, columns, body] of kept.matchAll(/at (\d+) columns\n\n```\n\$ .*\n([\s\S]*?)^```$/gm))
      for (const row of body.split('\n')) assert.ok(row.length <= Number(columns), row);
    assert.match(kept, /^stopped at step \d+, run again to go on$/m);
    assert.match(kept, /^goes on from step \d+$/m);
    assert.match(kept, /^training \[=* *\] +\d+% {2}\d+ steps$/m);
  }));

test.run();
