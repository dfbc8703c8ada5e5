// Planted faults of src/quality.
export default [
  {
    fault: '95% intervals have the quantile of 90% ones',
    file: 'src/quality/statistics.ts',
    from: 'export const z95 = 1.959964;',
    to: 'export const z95 = 1.644854;',
  },
  {
    fault: 'a bias counts as resolved wherever it is above 0',
    file: 'src/quality/summary.ts',
    from: 'bias.low > 0',
    to: 'bias.value > 0',
  },
];
