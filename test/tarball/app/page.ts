// What a page hands to its test.
import { work } from './program.ts';
import type { Asked } from './types.ts';

Object.assign(globalThis, { work: (asked: Asked) => work(asked) });
