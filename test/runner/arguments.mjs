// The arguments of `npm test`.
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { suites } from '../suites.mjs';

const help = `usage: npm test [-- OPTIONS]        the quick suites
       npm run test:all [-- OPTIONS]  all suites

  --changed[=COMMIT]    what the changes since COMMIT (HEAD when absent) can affect, quickest first
  --affected-by=FILES   what changes of these files can affect, names separated by commas
  --only=FILE           test files whose path holds FILE
  --test=NAME           tests whose group and name hold NAME
  --watch               run again at every change: what it can affect, or what --only and --test say
  --suite=NAMES         these suites, names separated by commas:
                        ${Object.keys(suites).join(' ')}
  --added               with test:all: without the suites of npm test
  --bail                stop at the first failure
  --verbose             the time of each test, and what passing files print
  --json=FILE           write counts, minutes and failures there
  --jobs=N              processes at once (2 when absent)
  --deadline=SECONDS    end a file that takes longer (3600 when absent): a guard against one that hangs
  --list                the suites, what each proves, and its budget`;

function usage(message) {
  console.error(`divergrad: ${message}; npm test -- --help shows the options`);
  process.exit(2);
}

/** @returns the options, with every flag that was given under its own name */
export function parse(argv) {
  const options = {
    ...{ all: false, added: false, bail: false, verbose: false, watch: false, list: false },
    ...{ only: '', test: '', suite: '', json: '', changed: '', 'affected-by': '', jobs: 2, deadline: 3600 },
  };
  const kinds = Object.entries({ ...options, help: false }).map(([name, value]) => [
    name,
    { type: typeof value === 'boolean' ? 'boolean' : 'string' },
  ]);
  try {
    // The one option whose value may be left out.
    const args = argv.map((argument) => (argument === '--changed' ? '--changed=HEAD' : argument));
    Object.assign(options, parseArgs({ args, options: Object.fromEntries(kinds) }).values);
  } catch (error) {
    usage(error.message);
  }
  if (options.help) {
    console.log(help);
    process.exit(0);
  }
  for (const name of ['jobs', 'deadline']) {
    options[name] = Number(options[name]);
    if (!(options[name] > 0 && options[name] <= 2e6))
      usage(`--${name} needs a number above 0, of at most 2000000`);
  }
  for (const name of options.suite.split(',').filter(Boolean))
    if (!Object.hasOwn(suites, name)) usage(`unknown suite ${name}; --list shows them`);
  if (options.added && !options.all) usage('--added goes with npm run test:all');
  if (options.json && !existsSync(dirname(resolve(options.json))))
    usage(`--json: there is no folder ${dirname(resolve(options.json))}`);
  if (options.watch && (options.changed || options['affected-by']))
    usage('--watch looks for changes itself: leave --changed and --affected-by out');
  return options;
}

/** The arguments for another run of the same selection. */
export const again = (options) =>
  ['all', 'added', 'bail', 'verbose']
    .filter((name) => options[name])
    .map((name) => `--${name}`)
    .concat(
      ['only', 'test', 'suite', 'json', 'jobs', 'deadline']
        .filter((name) => options[name])
        .map((name) => `--${name}=${options[name]}`),
    );
