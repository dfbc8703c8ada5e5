// The plugins of docs/plugins.md, as it has them: by name in every command, and refused by name where they are wrong.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import {
  chooseEstimator,
  DivergradError,
  distributionFamilies,
  distributionFamily,
  distributionNames,
  environmentNames,
  environments,
  estimatorChoices,
  estimatorNames,
  estimators,
  makeEnvironment,
  registerEnvironment,
  registerEstimator,
  registerFamily,
  UsageError,
} from '../../src/index.ts';
import { planStudy, readStudy, studyPlugins } from '../../src/study/config.ts';
import { pluginArguments } from '../../src/study/runs/loaded-plugins.ts';
import { loadPlugins } from '../../src/study/runs/plugins.ts';
import { trainArguments } from '../../src/study/runs/settings.ts';
import { command } from '../helpers/command.ts';

const folder = mkdtempSync(join(tmpdir(), 'divergrad-plugins-'));
const at = (name: string) => join(folder, name);
const document = readFileSync('docs/plugins.md', 'utf8');
const documented = [...document.matchAll(/^`(\w+\.mjs)`\n\n```js\n([\s\S]*?)^```$/gm)].map(
  ([, name, text]) => {
    writeFileSync(at(name), text);
    return name;
  },
);
const study = /```yaml\n([\s\S]*?)```/.exec(document)?.[1] ?? '';
const message = (error: unknown): string => {
  assert.instance(error, DivergradError);
  return (error as Error).message;
};

test('names that editors complete are those of the registries', () => {
  assert.equal(
    [...environmentNames],
    environments.map(({ name }) => name),
  );
  assert.equal(
    [...distributionNames],
    distributionFamilies.map(({ name }) => name),
  );
  const names = [...estimators, ...estimatorChoices()].map(({ name }) => name);
  assert.equal([...estimatorNames].sort(), [...new Set(names)].sort());
});

test('the documented plugins register by name, once however often they are loaded', async () => {
  assert.equal(documented, ['neyman.mjs', 'gumbel.mjs', 'point.mjs']);
  const { code, stdout, stderr } = await command(
    ...['matrix', '--json', ...documented.flatMap((name) => ['--plugin', at(name)])],
  );
  assert.is(code, 0, stderr);
  const matrix = JSON.parse(stdout);
  assert.equal(
    matrix.rows
      .slice(-3)
      .map(({ name, cells }: { name: string; cells: Record<string, string[]> }) => [
        name,
        cells.gumbel,
        cells.beta,
      ]),
    [
      ['neyman/score', [], []],
      ['neyman/pathwise', [], []],
      ['neyman/exact', ['enumerable'], []],
    ],
  );
  await loadPlugins(documented.map(at));
  assert.is(estimators.filter(({ name }) => name === 'neyman/score').length, 1);
  assert.is(distributionFamily('gumbel').title, 'Gumbel');
  assert.is(makeEnvironment('point').maxEpisodeSteps, 50);
});

test('a run with all three keeps their hashes, goes on with the same, and is refused with others', async () => {
  const run = (...more: string[]) =>
    command(
      ...[
        'train',
        '--env',
        'point',
        '--estimator',
        'neyman/score',
        '--distribution',
        'gumbel',
        '--backend',
        'cpu',
      ],
      ...['--hidden', '4', '--batch', '4', '--warmup', '10', '--evaluate-every', '10', '--episodes', '1'],
      ...['--out', at('run'), ...more],
    );
  const first = await run('--steps', '20');
  assert.is(first.code, 0, first.stderr);
  const config = JSON.parse(readFileSync(at('run/config.json'), 'utf8'));
  assert.is(config.plugins.length, 3);
  for (const plugin of config.plugins)
    assert.match(plugin, /^(gumbel|neyman|point)\.mjs sha256:[0-9a-f]{64}$/);
  const played = await command('play', at('run'), '--backend', 'cpu', '--episodes', '1', '--json');
  assert.is(played.code, 0, played.stderr);
  // What another file would have given.
  writeFileSync(at('other.mjs'), 'export default () => {};\n');
  rmSync(at('run/result.json'));
  const other = await run('--steps', '20', '--plugin', at('other.mjs'));
  assert.is(other.code, 2);
  assert.match(other.stderr, /holds another run: plugins \["gumbel\.mjs sha256/);
});

test('a study names its plugins, and its runs load them', async () => {
  assert.equal(studyPlugins(study), documented);
  const config = readStudy(study);
  assert.equal(config.plugins, documented);
  const { runs, refused } = await planStudy(config, 0);
  assert.is(runs.length, 4);
  assert.is(refused.length, 0);
  const args = trainArguments(runs[0]);
  for (const name of documented) assert.ok(args.join(' ').includes(`--plugin ${at(name)}`), args.join(' '));
  assert.is(pluginArguments().length, 8);
  assert.throws(() => studyPlugins('plugins: neyman.mjs'), /plugins is "neyman\.mjs"; it must be a list/);
  assert.throws(() => studyPlugins('plugins: [3]'), /plugins\[0\] is 3; it must be the path of a file/);
});

const faulty: readonly [name: string, text: string, said: RegExp][] = [
  ['syntax.mjs', 'export default (', /^The plugin '.*syntax\.mjs' does not load: Unexpected/],
  ['throws.mjs', 'throw new Error("no luck");', /throws\.mjs' does not load: no luck\./],
  [
    'nothing.mjs',
    'export const x = 1;',
    /nothing\.mjs' exports undefined as its default, not a function\. Write export default/,
  ],
  [
    'late.mjs',
    'export default async () => { await null; throw "late"; };',
    /late\.mjs' cannot register: late\./,
  ],
  [
    'missing-import.mjs',
    'import "./no-such.mjs"; export default () => {};',
    /missing-import\.mjs' does not load: Cannot find/,
  ],
  [
    'twice.mjs',
    'export default (d) => d.registerEnvironment({ ...d.environments[0] });',
    /twice\.mjs' cannot register: The environment 'pendulum' is registered already\. Give yours another name\./,
  ],
];
for (const [name, text, said] of faulty)
  test(`a plugin that fails is one error with its file: ${name}`, async () => {
    writeFileSync(at(name), text);
    const { code, stderr } = await command('matrix', '--plugin', at(name));
    assert.is(code, 1, stderr);
    assert.match(stderr.replace(/^divergrad: /, ''), said);
    assert.is(stderr.trim().split('\n').length, 1);
  });

test('a plugin that is not there is named', async () => {
  const { code, stderr } = await command('matrix', '--plugin', at('absent.mjs'));
  assert.is(code, 1);
  assert.match(stderr, /absent\.mjs' cannot be read: it does not exist/);
});

const any = (value: unknown) => value as never;
const estimator = chooseEstimator('dpg/pathwise').estimator;
const family = distributionFamily('gaussian');
const [pendulum] = environments;
const wrong: readonly [said: RegExp, body: () => void][] = [
  [/^The estimator 'dpg\/pathwise' is registered already/, () => registerEstimator(estimator)],
  [
    /^The estimator 'a\/b' is registered already/,
    () => registerEstimator({ ...estimator, name: 'a/b' }, { ...estimator, name: 'a/b' }),
  ],
  [
    /^The estimator 'mine' must be named divergence\/estimator/,
    () => registerEstimator({ ...estimator, name: 'mine' }),
  ],
  [
    /^'a\/b:c' cannot be the name of a registered estimator/,
    () => registerEstimator({ ...estimator, name: 'a/b:c' }),
  ],
  [
    /^The estimator 'a\/b' has loss undefined; it must be a function/,
    () => registerEstimator(any({ ...estimator, name: 'a/b', loss: undefined })),
  ],
  [
    /^The estimator 'a\/b' has title ""; it must be a text/,
    () => registerEstimator({ ...estimator, name: 'a/b', title: '' }),
  ],
  [
    /^Unknown need of 'a\/b' 'rsamples'\. Did you mean 'rsample'/,
    () => registerEstimator(any({ ...estimator, name: 'a/b', needs: ['rsamples'] })),
  ],
  [
    /^Unknown quality of 'a\/b' 'good'/,
    () => registerEstimator(any({ ...estimator, name: 'a/b', quality: 'good' })),
  ],
  [
    /takes 1 samples by default and needs 2/,
    () => registerEstimator({ ...estimator, name: 'a/b', defaultSamples: 1, minimumSamples: 2 }),
  ],
  [/^The estimator to register is "a\/b"; it must be an object/, () => registerEstimator(any('a/b'))],
  [/^The distribution 'gaussian' is registered already/, () => registerFamily(family)],
  [
    /^The distribution 'g' has make undefined/,
    () => registerFamily(any({ ...family, name: 'g', make: undefined })),
  ],
  [
    /^The distribution 'g' has bounded undefined; it must be true or false: whether all actions lie in the box/,
    () =>
      registerFamily(
        any({ ...family, name: 'g', capabilities: { ...family.capabilities, bounded: undefined } }),
      ),
  ],
  [
    /^Unknown actionKind of 'g' 'boxes'/,
    () =>
      registerFamily(
        any({ ...family, name: 'g', capabilities: { ...family.capabilities, actionKind: 'boxes' } }),
      ),
  ],
  [/^The environment 'pendulum' is registered already/, () => registerEnvironment(pendulum)],
  [
    /^The environment 'e' has returns undefined; it must be an object/,
    () => registerEnvironment(any({ ...pendulum, name: 'e', returns: undefined })),
  ],
  [
    /they must be two numbers that differ\. Write returns/,
    () => registerEnvironment(any({ ...pendulum, name: 'e', returns: { random: 1, good: 1 } })),
  ],
];
for (const [said, body] of wrong)
  test(`refused: ${said}`, () => {
    const before = [estimators.length, distributionFamilies.length, environments.length];
    assert.throws(
      body,
      (error: unknown) => error instanceof UsageError && said.test(message(error)),
      String(said),
    );
    assert.equal([estimators.length, distributionFamilies.length, environments.length], before);
  });

test('an environment that is made under another name is refused', () => {
  registerEnvironment({ ...pendulum, name: 'swing' });
  assert.throws(
    () => makeEnvironment('swing'),
    /^The environment 'swing' makes one that is named "pendulum"|makes one that is named/,
  );
});

test.after(() => rmSync(folder, { recursive: true, force: true }));
test.run();
