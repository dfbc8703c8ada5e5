// Reads what the command line writes. A file is data of unknown origin: everything is checked before it is shown,
// and nothing in it is ever parsed as HTML or run.

import { DataError } from '../../src/errors.ts';
import type { BenchDocument } from '../measure/job.ts';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json };
export type JsonObject = { readonly [name: string]: Json };

export const isObject = (value: Json | undefined): value is JsonObject =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
export const isList = (value: Json | undefined): value is readonly Json[] => Array.isArray(value);
export const numberOf = (value: Json | undefined): number => (typeof value === 'number' ? value : Number.NaN);
export const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '');

/** Files larger than this are no report of ours. */
const MOST_BYTES = 50e6;

export type Opened =
  | { readonly kind: 'html'; readonly name: string; readonly text: string }
  | { readonly kind: 'json'; readonly name: string; readonly value: Json };

/** @throws DataError when the file is neither HTML, JSON nor JSON lines */
export async function readFile(file: File): Promise<Opened> {
  if (file.size > MOST_BYTES)
    throw new DataError(
      `'${file.name}' has ${(file.size / 1e6).toFixed(0)} MB; at most ${MOST_BYTES / 1e6} MB can be opened.`,
    );
  const text = await file.text();
  if (/\.html?$/i.test(file.name) || /^\s*<!doctype html|^\s*<html/i.test(text))
    return { kind: 'html', name: file.name, text };
  return { kind: 'json', name: file.name, value: parse(file.name, text) };
}

function parse(name: string, text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch (cause) {
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    // A last line without its end is one that was still being written.
    if (lines.length > 1 && !text.endsWith('\n') && !isJson(lines[lines.length - 1])) lines.pop();
    else if (lines.length === 1) lines.pop();
    try {
      if (lines.length > 0) return lines.map((line) => JSON.parse(line) as Json);
    } catch {
      // neither: the first error says more
    }
    throw new DataError(`'${name}' is neither HTML nor JSON: ${(cause as Error).message}.`, { cause });
  }
}

function isJson(line: string): boolean {
  try {
    JSON.parse(line);
    return true;
  } catch {
    return false;
  }
}

/** @throws DataError naming what is missing of a bench document */
export function benchDocument(name: string, value: Json): BenchDocument {
  if (!isObject(value) || value.kind !== 'divergrad-cost' || !isList(value.reports))
    throw new DataError(`'${name}' is not what \`divergrad bench --json\` writes.`);
  for (const report of value.reports) {
    const whole =
      isObject(report) &&
      typeof report.backend === 'string' &&
      typeof report.adapter === 'string' &&
      isObject(report.settings) &&
      isList(report.rows) &&
      report.rows.every(
        (row) =>
          isObject(row) &&
          typeof row.estimator === 'string' &&
          typeof row.msPerUpdate === 'number' &&
          [row.msInterval, row.ratioInterval].every((each) => isObject(each) && typeof each.low === 'number'),
      );
    if (!whole) throw new DataError(`'${name}' has a report whose rows are not whole.`);
  }
  return value as unknown as BenchDocument;
}
