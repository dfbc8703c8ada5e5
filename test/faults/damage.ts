// What happens to files while nobody looks: every kind of damage, to any file of a folder.
import { appendFileSync, mkdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Draws } from './draws.ts';

interface Damage {
  readonly name: string;
  /** Whether the damage is no other, equally valid content: a missing run is none in a report. */
  readonly always?: boolean;
  /** @param part from 0 to 1, @param other another file */
  readonly make: (file: string, part: number, other: string) => void;
}

const edit = (file: string, change: (bytes: Buffer) => Buffer | string): void =>
  writeFileSync(file, change(readFileSync(file)));

const deepJson = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;

const damages: readonly Damage[] = [
  {
    name: 'truncated',
    make: (file, part) => truncateSync(file, Math.floor(part * readFileSync(file).length)),
  },
  {
    name: 'a bit flipped in',
    make: (file, part) =>
      edit(file, (bytes) => {
        if (bytes.length > 0) bytes[Math.floor(part * bytes.length)] ^= 1 << Math.floor((part * 1e6) % 8);
        return bytes;
      }),
  },
  { name: 'emptied', make: (file) => truncateSync(file, 0) },
  { name: 'zeroed', make: (file) => edit(file, (bytes) => bytes.fill(0)) },
  {
    name: 'a byte-order mark before',
    make: (file) => edit(file, (bytes) => Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), bytes])),
  },
  {
    name: 'the last line repeated in',
    make: (file) =>
      edit(file, (bytes) => {
        const text = bytes.toString('latin1');
        const last = text.trimEnd().split('\n').at(-1) ?? '';
        return Buffer.from(`${text}${last}\n`, 'latin1');
      }),
  },
  {
    name: 'a line lost in',
    make: (file, part) =>
      edit(file, (bytes) => {
        const lines = bytes.toString('latin1').split('\n');
        lines.splice(Math.floor(part * lines.length), 1);
        return Buffer.from(lines.join('\n'), 'latin1');
      }),
  },
  {
    name: 'swapped',
    make: (file, _part, other) => {
      const [a, b] = [readFileSync(file), readFileSync(other)];
      writeFileSync(file, b);
      writeFileSync(other, a);
    },
  },
  { name: 'appended to', make: (file) => appendFileSync(file, '{"half": ') },
  { name: 'replaced by deep JSON', make: (file) => writeFileSync(file, deepJson) },
  { name: 'replaced by null', make: (file) => writeFileSync(file, 'null') },
  {
    name: 'replaced by a folder',
    make: (file) => {
      rmSync(file);
      mkdirSync(file);
    },
  },
  {
    name: 'deep value in',
    make: (file) =>
      edit(file, (bytes) => {
        const text = bytes.toString('latin1');
        return Buffer.from(
          text.replace(/:\s*("[^"]*"|[\d.]+)/, () => `:${deepJson}`),
          'latin1',
        );
      }),
  },
  { name: 'removed', make: (file) => rmSync(file), always: false },
];

export interface DrawnDamage {
  readonly name: string;
  /** Damages one of these files. @returns what was damaged */
  apply(folder: string, files: readonly string[]): string;
}

/** @param always leaves out what makes another valid content */
export function drawDamage(draws: Draws, always: boolean): DrawnDamage {
  const damage = draws.of(damages.filter((each) => !always || each.always !== false));
  const [which, part, second] = [draws.uniform(0, 1), draws.uniform(0, 1), draws.uniform(0, 1)];
  return {
    name: damage.name,
    apply: (folder, files) => {
      if (files.length === 0) return 'nothing: no file';
      const file = files[Math.floor(which * files.length)];
      // Swapped with one of its kind, if there is one.
      const ending = file.slice(file.lastIndexOf('/') + 1);
      const alike = files.filter((each) => each !== file && each.endsWith(ending));
      const others = alike.length > 0 ? alike : files;
      const other = others[Math.floor(second * others.length)];
      damage.make(join(folder, file), part, join(folder, other));
      return file;
    },
  };
}
