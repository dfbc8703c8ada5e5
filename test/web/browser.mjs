// The headless Chromium that comes with the development dependencies, with WebGPU on the software driver or without.
import { chromium as playwright } from 'playwright-core';
import { chromium } from '../runner/software-gpu.mjs';

export function launch({ gpu = true } = {}) {
  const { executablePath, env } = chromium();
  return playwright.launch({
    executablePath,
    timeout: 600_000, // a deadline for what hangs, on the slowest machine
    env: { ...process.env, ...env },
    chromiumSandbox: false, // Chromium's own sandbox does not start for root, or in most containers
    args: [
      ...(gpu
        ? ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader']
        : ['--disable-features=WebGPU']),
      '--disable-dev-shm-usage',
    ],
  });
}
