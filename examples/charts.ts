// Measures what estimators cost and draws a chart of the report: an SVG, without any package for charts.
import { writeFile } from 'node:fs/promises';
import { type CostRow, measureCost, open } from 'divergrad';

/** A bar for each row: median milliseconds an update, with the median's interval. */
function barChart(rows: readonly CostRow[]): string {
  const [left, width, height] = [190, 420, 24];
  const most = Math.max(...rows.map(({ msInterval }) => msInterval.high));
  const x = (ms: number) => (left + (ms / most) * width).toFixed(1);
  const bars = rows.map(({ estimator, msPerUpdate, msInterval: { low, high } }, i) => {
    const y = i * height + 12;
    return [
      `<text x="${left - 8}" y="${y + 4}" text-anchor="end">${estimator}</text>`,
      `<path d="M${left} ${y}H${x(msPerUpdate)}" stroke="#4269d0" stroke-width="14"/>`,
      `<path d="M${x(low)} ${y}H${x(high)}" stroke="#222" stroke-width="2"/>`,
    ].join('');
  });
  const size = `0 0 ${left + width + 10} ${rows.length * height}`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${size}" font-family="sans-serif" font-size="12">${bars.join('\n')}</svg>\n`;
}

const device = await open({ backend: 'wasm' });
const report = await measureCost(device, {
  estimators: ['reverse-kl/pathwise', 'forward-kl/snis:policy', 'mpo/decoupled'],
  batch: 16,
  hidden: [16, 16],
  rounds: 7,
  minimumMs: 2,
});
await device.dispose();
for (const { estimator, msPerUpdate, ratio } of report.rows)
  console.log(
    `${estimator.padEnd(24)} ${msPerUpdate.toPrecision(3)} ms, ${ratio.toPrecision(3)} × ${report.baseline}`,
  );

const svg = barChart(report.rows);
const file = process.argv[2];
if (file) await writeFile(file, svg);
console.log(file ? `the chart is in ${file}` : `a chart of ${svg.length} characters; name a file to keep it`);

if (report.rows.length !== 3 || svg.includes('NaN')) throw new Error('A row of the chart is missing.');
