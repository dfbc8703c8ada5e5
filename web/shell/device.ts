import { type BackendChoice, type OpenedDevice, open } from '../../src/open/open.ts';
import type { JobPort } from './protocol.ts';

/** Opens a device for a job and tells the page which. @param threads most threads of wasm; it chooses when absent */
export async function openFor(
  port: JobPort,
  backend: BackendChoice,
  threads?: number,
): Promise<OpenedDevice> {
  const device = await open({ backend, ...(threads ? { wasm: { threads } } : {}) });
  const { name, description, information } = device.backend;
  port.opened({ backend: name, description, information, reason: device.reason });
  return device;
}
