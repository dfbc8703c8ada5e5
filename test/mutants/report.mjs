// Planted faults of src/report.
export default [
  {
    fault: 'a report takes runs of one method with different samples for one',
    file: 'src/report/cells.ts',
    from: 'requireSame(where, run, runs[0], ({ methodSettings }) => methodSettings);',
    to: '{}',
  },
  {
    fault: 'a formula goes into a CSV file as it is',
    file: 'src/report/text.ts',
    from: 'const formula = typeof value',
    to: 'const formula = !typeof value',
  },
  {
    fault: 'XML holds halves of characters',
    file: 'src/report/text.ts',
    from: '[\\p{Cs}\\uFFFE',
    to: '[\\uFFFE',
  },
  {
    fault: 'a terminal gets the commands of C1',
    file: 'src/report/text.ts',
    from: '/(?![\\t\\n])\\p{Cc}|[',
    to: '/\\u001b|[',
  },
  {
    fault: 'normalised scores divide by the good return, not by its distance from the random one',
    file: 'src/report/report.ts',
    from: '(value - random) / (good - random)',
    to: '(value - random) / good',
  },
  {
    fault: "a run's score is the mean of its first evaluations",
    file: 'src/report/cells.ts',
    from: 'points.slice(-SCORED_EVALUATIONS)',
    to: 'points.slice(0, SCORED_EVALUATIONS)',
  },
  {
    fault: 'the seconds of a learning curve are its updates',
    file: 'src/report/cells.ts',
    from: 'seconds: interquartileMean(runs.map(({ points }) => points[i].seconds))',
    to: 'seconds: interquartileMean(runs.map(({ points }) => points[i].updates))',
  },
  {
    fault: 'the improvement over the baseline is that of the baseline',
    file: 'src/report/report.ts',
    from: '([x, y]) => probabilityOfImprovement(x, y), {',
    to: '([x, y]) => probabilityOfImprovement(y, x), {',
  },
  {
    fault: 'the best and the least run have each other’s heading',
    file: 'src/report/page.ts',
    from: "'least run', 'best run'",
    to: "'best run', 'least run'",
  },
  {
    fault: "the title of a report's page is not escaped",
    file: 'src/report/page.ts',
    from: 'escaped(report.title)}</h1>',
    to: 'report.title}</h1>',
  },
  {
    fault: 'the bytes of a cost are said in MB under kB',
    file: 'src/report/page.ts',
    from: '(row.bytes / 1e3)',
    to: '(row.bytes / 1e6)',
  },
  {
    fault: "the CSV of the curves has the environment's steps for the gradient's",
    file: 'src/report/figures.ts',
    from: 'gradientSteps: at.updates',
    to: 'gradientSteps: at.step',
  },
  {
    fault: 'a quotation mark in a CSV field is not quoted',
    file: 'src/report/text.ts',
    from: '/[",\\n\\r]/.test(text)',
    to: '/[,\\n\\r]/.test(text)',
  },
  {
    fault: 'the sentence that counts says worse of what is better',
    file: 'src/report/findings.ts',
    from: "count('worse')} worse",
    to: "count('better')} worse",
  },
  {
    fault: 'the coverage that a report says is that of more seeds than it has',
    file: 'src/report/coverage.ts',
    from: 'coverage.findLast((entry) => entry.seeds <= seeds)',
    to: 'coverage.find((entry) => entry.seeds >= seeds)',
  },
  {
    fault: 'a film of many frames a second lasts longer than one of few',
    file: 'src/report/animation.ts',
    from: 'count / framesPerSecond}s',
    to: 'count * framesPerSecond}s',
  },
];
