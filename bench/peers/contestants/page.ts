// A contestant in a page: the same questions as calls of a global object.
import { Answers } from './open.ts';

declare global {
  var PEERS_ANSWERS: Answers | undefined;
}

globalThis.PEERS_ANSWERS = new Answers();
globalThis.PEERS_WASM_FOLDER = new URL('/wasm/', location.href).href;
