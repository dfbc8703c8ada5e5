import { work } from './program.ts';

self.onmessage = async ({ data }) => self.postMessage(await work(data));
