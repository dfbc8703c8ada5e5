// Planted faults of src/measure.
export default [
  {
    fault: 'first updates are checked with a reference policy that is the policy',
    file: 'src/measure/cost.ts',
    from: 'device.write(reference.parameters, values);',
    to: '',
  },
  {
    fault: 'a result that is off is compared with what was found elsewhere',
    file: 'src/measure/agreement.ts',
    from: 'found.get(key) ?? new',
    to: 'expected.get(key) ?? new',
  },
  {
    fault: 'the throughput takes milliseconds for seconds',
    file: 'src/measure/throughput.ts',
    from: '(part) => spent[part] / 1000 / steps',
    to: '(part) => spent[part] / steps',
  },
  {
    fault: 'the arena of a scaling point is its live memory',
    file: 'src/measure/scaling-summary.ts',
    from: 'arenaBytes: cost.arenaBytes',
    to: 'arenaBytes: cost.liveBytes',
  },
  {
    fault: 'the interval of an overhead ends at its 95th percentile',
    file: 'src/measure/knee.ts',
    from: 'high: at(1 - tail)',
    to: 'high: at(0.95)',
  },
];
