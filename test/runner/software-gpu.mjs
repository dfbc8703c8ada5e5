// A Vulkan driver and a browser for machines that have neither.
//
// The npm package @sparticuz/chromium holds a headless Chromium, SwiftShader (Vulkan in software) with
// its loader, and the few shared libraries that a bare Linux lacks. They are unpacked once into
// node_modules/.cache, where `npm ci` clears them away together with the package they came from.
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { brotliDecompressSync } from 'node:zlib';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const packed = join(root, 'node_modules', '@sparticuz', 'chromium');
const cache = join(root, 'node_modules', '.cache', 'divergrad');

/** Whether this machine can run what the package holds. */
export const hasSoftwareGpu = () =>
  process.platform === 'linux' && process.arch === 'x64' && existsSync(packed);

/** Whether the machine seems to have a GPU of its own, whose driver should not be hidden. */
export function hasHardwareGpu() {
  if (process.platform !== 'linux') return true;
  if (existsSync('/dev/nvidiactl') || existsSync('/dev/dxg')) return true;
  return existsSync('/dev/dri') && readdirSync('/dev/dri').some((name) => name.startsWith('renderD'));
}

/**
 * Makes `folder` of the cache by `fill`, whole or not at all: it is filled under another name and then
 * renamed, so two processes may do it at once and a killed one leaves nothing half done.
 */
function cached(folder, fill) {
  const { version } = JSON.parse(readFileSync(join(packed, 'package.json'), 'utf8'));
  const target = join(cache, `${folder}-${version}`);
  if (existsSync(target)) return target;
  mkdirSync(cache, { recursive: true });
  const draft = mkdtempSync(join(cache, `${folder}-draft-`));
  try {
    fill(draft);
    chmodSync(draft, 0o755);
    renameSync(draft, target);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    if (!existsSync(target)) throw error; // else another process was quicker
  }
  return target;
}

function unpack(archive, folder) {
  // Only here: build.mjs imports this file before anything is installed.
  const tar = createRequire(import.meta.url)('tar');
  tar.extract({ file: join(packed, 'bin', archive), cwd: folder, sync: true, strict: true });
}

/** The folder of SwiftShader and its Vulkan loader. */
function driver() {
  return cached('swiftshader', (folder) => {
    unpack('swiftshader.tar.br', folder);
    // The package's own file names the library relative to wherever it was unpacked on its authors' machine.
    const icd = {
      file_format_version: '1.0.0',
      ICD: { library_path: './libvk_swiftshader.so', api_version: '1.1.0' },
    };
    writeFileSync(join(folder, 'icd.json'), JSON.stringify(icd));
  });
}

/**
 * The environment that makes Vulkan mean SwiftShader, for a child process: the dynamic loader reads
 * LD_LIBRARY_PATH only when a process starts, so a process cannot give it to itself.
 * Empty where the driver does not run (anything but Linux on x64).
 */
export function softwareVulkanEnv() {
  if (!hasSoftwareGpu()) return {};
  const folder = driver();
  const runtime = join(cache, 'runtime');
  mkdirSync(runtime, { recursive: true, mode: 0o700 });
  const icd = join(folder, 'icd.json');
  return {
    VK_ICD_FILENAMES: icd,
    VK_DRIVER_FILES: icd, // the newer name of the same setting, which would win over the older one
    LD_LIBRARY_PATH: [folder, process.env.LD_LIBRARY_PATH].filter(Boolean).join(':'),
    DENO_WEBGPU_BACKEND: 'vulkan', // or Deno might take an OpenGL driver of the machine's
    XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR || runtime,
  };
}

/** Where Debian and its kin keep libraries, and what tells Vulkan of drivers; another place to try a machine without them. */
const system = process.env.DIVERGRAD_SYSTEM ?? '/usr';
const libraries = () => {
  const folder = join(system, 'lib');
  return existsSync(folder) ? [folder, ...readdirSync(folder).map((name) => join(folder, name))] : [];
};
const hasLibrary = (name) => libraries().some((folder) => existsSync(join(folder, name)));

/**
 * Drivers of Mesa that Deno's WebGPU takes beside SwiftShader: the Debian packages that hold them, and the environment that
 * chooses each, undefined where it is not installed.
 */
export const mesaDrivers = {
  lavapipe: {
    what: "Mesa's Vulkan in software",
    packages: ['mesa-vulkan-drivers'],
    env() {
      const folder = join(system, 'share/vulkan/icd.d');
      const file = existsSync(folder) && readdirSync(folder).find((name) => /^lvp_icd.*\.json$/.test(name));
      if (!file || !hasLibrary('libvulkan.so.1')) return undefined;
      const icd = join(folder, file);
      return { VK_ICD_FILENAMES: icd, VK_DRIVER_FILES: icd, DENO_WEBGPU_BACKEND: 'vulkan' };
    },
  },
  opengl: {
    what: "Mesa's OpenGL ES in software",
    packages: ['libegl-mesa0', 'libgl1-mesa-dri', 'libgles2'],
    env() {
      if (!['libEGL_mesa.so.0', 'libGLESv2.so.2', 'dri/swrast_dri.so'].every(hasLibrary)) return undefined;
      // No Vulkan is left, as on a machine that has none.
      return { VK_ICD_FILENAMES: '/nonexistent', VK_DRIVER_FILES: '/nonexistent' };
    },
  },
};

/** A headless Chromium with WebGPU on SwiftShader: the executable and its environment. */
export function chromium() {
  if (!hasSoftwareGpu()) throw new Error('the headless Chromium of the tests runs on Linux x64 only');
  const folder = cached('chromium', (draft) => {
    writeFileSync(
      join(draft, 'chromium'),
      brotliDecompressSync(readFileSync(join(packed, 'bin', 'chromium.br'))),
      {
        mode: 0o755,
      },
    );
    unpack('al2023.tar.br', draft);
    unpack('swiftshader.tar.br', draft); // Chromium looks for its drivers beside itself
  });
  const vulkan = softwareVulkanEnv();
  return {
    executablePath: join(folder, 'chromium'),
    env: { ...vulkan, LD_LIBRARY_PATH: [join(folder, 'lib'), vulkan.LD_LIBRARY_PATH].join(':') },
  };
}

/** The Deno executable of the `deno` package, or undefined where there is none for this machine. */
export function denoPath() {
  const suffix = { linux: '-glibc' }[process.platform] ?? '';
  const folder = join(root, 'node_modules', '@deno', `${process.platform}-${process.arch}${suffix}`);
  const file = join(folder, process.platform === 'win32' ? 'deno.exe' : 'deno');
  if (!existsSync(file)) return undefined;
  if (process.platform !== 'win32') chmodSync(file, 0o755);
  return file;
}
