// Opens the built page in the headless Chromium: used by the tests of the page.
import { serve } from '../../web/serve.mjs';
import { launch } from './browser.mjs';

/** What does not come is waited for this long: as in helpers/process.ts, which is no module for Node. */
const patienceSeconds = 600;

/** @param gpu whether the browser has WebGPU, on the software driver */
export async function openSite({ gpu }) {
  const { url, stop } = await serve();
  const browser = await launch({ gpu });
  const problems = [];
  const asked = new Set();
  return {
    gpu,
    url,
    problems,
    asked,
    async page(address, options = {}) {
      const page = await browser.newPage(options);
      page.setDefaultTimeout(patienceSeconds * 1000);
      page.on('console', (message) => {
        // That the sandbox of a report refuses its scripts is what is wanted.
        const refused = message.text().startsWith('Blocked script execution');
        if (message.type() === 'error' && !refused) problems.push(message.text());
      });
      page.on('pageerror', (error) => problems.push(error.message));
      // Also what workers ask for.
      page.context().on('request', (request) => {
        const { pathname } = new URL(request.url());
        if (request.url().startsWith(url)) asked.add(pathname === '/' ? 'index.html' : pathname.slice(1));
      });
      page.on('request', (request) => {
        const known = /^(data|blob|about):/.test(request.url()) || request.url().startsWith(url);
        if (!known) problems.push(`asked another host: ${request.url()}`);
      });
      await page.addInitScript(() => {
        globalThis.longTasks = [];
        new PerformanceObserver((list) => {
          for (const { startTime, duration } of list.getEntries())
            globalThis.longTasks.push({ startTime, duration });
        }).observe({ type: 'longtask', buffered: true });
      });
      await page.goto(url + address);
      return page;
    },
    async close() {
      await browser.close();
      stop();
    },
  };
}
