// What differs between Node, Deno and a page.
declare global {
  /** Folder or address of TensorFlow.js's .wasm files, set by whoever starts the contestant. */
  var PEERS_WASM_FOLDER: string | undefined;
}

export function wasmFolder(): string {
  if (!globalThis.PEERS_WASM_FOLDER) throw new Error('nobody said where the .wasm files are');
  return globalThis.PEERS_WASM_FOLDER;
}

/** The WebGPU adapter that libraries get here. @throws Error when there is none */
export async function describeAdapter(): Promise<string> {
  const adapter = await globalThis.navigator?.gpu?.requestAdapter({ powerPreference: 'high-performance' });
  if (!adapter) throw new Error('there is no WebGPU adapter');
  const { vendor, architecture, device, description } = adapter.info;
  return `WebGPU on ${[...new Set([vendor, architecture, device, description])].filter(Boolean).join(' ')}`;
}

declare const __PEER_VERSIONS__: Readonly<Record<string, string>>;
/** Versions installed, by package, put in when this was bundled. */
export const peerVersions = __PEER_VERSIONS__;
