// Backends with a fault planted in one kernel: one sign the wrong way round.

/** Signs to turn round in the kernels' WGSL: each stands in some kernel's text. */
export const signs = {
  adam: ['  p -= ', '  p += '],
  loss_reverse_kl: ['-share * scale', 'share * scale'],
} as const;

// Dawn's root must outlive its devices.
let kept: GPU | undefined;
const wanted = (value: unknown, of: object) => (typeof value === 'function' ? value.bind(of) : value);

/**
 * The software adapter, called a real one, whose compiler turns a sign round.
 *
 * @param name of the adapter
 * @param sign what to find in a shader and what to put there; nothing is planted when absent
 */
export function plantedGpu(name: string, sign?: readonly [from: string, to: string]): GPU {
  const info = { vendor: 'v', architecture: 'a', device: 'd', description: name, isFallbackAdapter: false };
  return {
    async requestAdapter() {
      const { create } = await import('webgpu');
      kept ??= create(['enable-dawn-features=disable_workgroup_init']);
      const adapter = (await kept.requestAdapter()) as GPUAdapter;
      return new Proxy(adapter, {
        get(target, key) {
          if (key === 'info') return info;
          if (key !== 'requestDevice') return wanted(Reflect.get(target, key), target);
          return async (descriptor: GPUDeviceDescriptor) => {
            const device = await target.requestDevice(descriptor);
            const compile = device.createShaderModule.bind(device);
            device.createShaderModule = (module) =>
              compile({ ...module, code: sign ? module.code.replaceAll(...sign) : module.code });
            return device;
          };
        },
      });
    },
  } as unknown as GPU;
}

/** For as long as `body` takes, what the platform offers as WebGPU. */
export async function withPlatformGpu<T>(gpu: GPU, body: () => Promise<T>): Promise<T> {
  const before = Object.getOwnPropertyDescriptor(globalThis, 'navigator');
  Object.defineProperty(globalThis, 'navigator', { value: { gpu }, configurable: true });
  try {
    return await body();
  } finally {
    if (before) Object.defineProperty(globalThis, 'navigator', before);
    else Reflect.deleteProperty(globalThis, 'navigator');
  }
}

/** f32x4.sub and f32x4.add, which differ in a sign. */
const [SUBTRACT, ADD] = [
  [0xfd, 0xe5, 0x01],
  [0xfd, 0xe4, 0x01],
];

/** Where the vector subtractions stand in a build of the kernels. */
export function subtractions(bytes: Uint8Array): number[] {
  return [...bytes.keys()].filter((at) => SUBTRACT.every((byte, i) => bytes[at + i] === byte));
}

/** For as long as `body` takes, every build of the kernels adds where subtraction number `which` stood. */
export async function withPlantedWasm<T>(which: number, body: () => Promise<T>): Promise<T> {
  const { compile } = WebAssembly;
  WebAssembly.compile = (source) => {
    const bytes = new Uint8Array(source as Uint8Array).slice();
    bytes.set(ADD, subtractions(bytes)[which]);
    return compile(bytes);
  };
  try {
    return await body();
  } finally {
    WebAssembly.compile = compile;
  }
}
