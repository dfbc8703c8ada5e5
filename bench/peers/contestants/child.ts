// A contestant in a process of its own (Node or Deno): one JSON message a line in, one answer a line out.

import process from 'node:process';
import { createInterface } from 'node:readline';
import { setFlagsFromString } from 'node:v8';
import type { RemoteContestant } from '../contestant.ts';
import { Answers } from './open.ts';

const answers = new Answers();
/** Marks the lines that are answers: libraries print what they like. */
const mark = '@@peers ';
globalThis.PEERS_WASM_FOLDER = process.env.PEERS_WASM_FOLDER;

// Node before 22 has relaxed SIMD behind a flag. The command line of this library sets it; here everybody gets it.
const inNode = !('Deno' in globalThis);
if (inNode && Number.parseInt(process.versions.node, 10) < 22)
  setFlagsFromString('--experimental-wasm-relaxed-simd');

// In Node, libraries look for WebGPU where browsers have it; set as this library sets it for itself.
if (process.env.PEERS_WEBGPU === 'package') {
  const { create, globals } = await import('webgpu');
  Object.assign(globalThis, globals);
  const gpu = create(['enable-dawn-features=disable_workgroup_init']);
  Object.defineProperty(globalThis, 'navigator', {
    value: { gpu, hardwareConcurrency: Number(process.env.PEERS_PROCESSORS), userAgent: 'Node' },
    configurable: true,
  });
}

type Message = { readonly method: keyof RemoteContestant; readonly argument: unknown };

for await (const line of createInterface({ input: process.stdin })) {
  const { method, argument } = JSON.parse(line) as Message;
  let answer: { result: unknown } | { error: string };
  try {
    answer = {
      result: (await (answers[method] as (argument: unknown) => Promise<unknown>)(argument)) ?? null,
    };
  } catch (error) {
    answer = { error: (error as Error)?.stack ?? String(error) };
  }
  process.stdout.write(`${mark}${JSON.stringify(answer)}\n`);
  if (method === 'close') break;
}
process.exit(0);
