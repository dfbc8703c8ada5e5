// The checks that users run on their own pass everything of the library, and find what is wrong.
import { readFileSync } from 'node:fs';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import * as divergrad from '../../src/index.ts';
import {
  CheckError,
  checkEnvironment,
  checkEstimator,
  checkFamily,
  chooseEstimator,
  type Distribution,
  type DistributionFamily,
  distributionFamily,
  type Environment,
  environments,
  makeEnvironment,
  mul,
  registerEstimator,
} from '../../src/index.ts';

const document = readFileSync('docs/plugins.md', 'utf8');
for (const [, name, text] of document.matchAll(/^`(\w+\.mjs)`\n\n```js\n([\s\S]*?)^```$/gm))
  if (name !== 'check.mjs')
    (await import(`data:text/javascript,${encodeURIComponent(text)}`)).default(divergrad);

/** What a check says of something wrong. */
async function said(check: Promise<unknown>): Promise<string> {
  const error = await check.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  assert.instance(error, CheckError, String(error));
  return (error as Error).message;
}

for (const name of ['gaussian', 'categorical', 'gumbel', 'deterministic'])
  test(`${name} is a family as it says`, async () => {
    assert.ok((await checkFamily(name)).length >= 4);
  });

const gaussian = distributionFamily('gaussian');
/** A Gaussian with one thing wrong. */
const wrong = (change: (one: Distribution) => Partial<Distribution>, more = {}): DistributionFamily => ({
  ...gaussian,
  ...more,
  name: 'gaussian',
  make: (head, actions, options) => {
    const one = gaussian.make(head, actions, options);
    const changed = Object.entries(change(one)).map(([key, value]) => [key, { value }]);
    return Object.create(one, Object.fromEntries(changed)) as Distribution;
  },
});
const faults: readonly [name: string, family: DistributionFamily, message: RegExp][] = [
  [
    'a density of mass 2',
    wrong((one) => ({ logProb: (a) => divergrad.add(one.logProb(a), Math.LN2) })),
    /its mass is 1: the mass is (2|1\.9999)/,
  ],
  [
    'an entropy of half',
    wrong((one) => ({ entropy: () => mul(0.5, (one.entropy as () => divergrad.Tensor)()) })),
    /its entropy is that of the density.*: the entropy is/,
  ],
  [
    'a KL the other way',
    wrong((one) => ({
      kl: (other) =>
        mul(
          2,
          (one.kl as NonNullable<Distribution['kl']>)(
            gaussian.make((other as unknown as { head: divergrad.Tensor }).head, 1),
          ),
        ),
    })),
    /KL is that of the densities.*: KL is/,
  ],
  [
    'gradients through samples',
    wrong((one) => ({ sample: (k) => (one.rsample as NonNullable<Distribution['rsample']>)(k) })),
    /samples let no gradient through.*: the gradient of sample's actions is 8/,
  ],
  [
    'no gradient through pathwise samples',
    wrong((one) => ({ rsample: (k) => one.sample(k) })),
    /the gradient of pathwise samples.*: the gradient in parameter 0 is 0/,
  ],
  [
    'a bounded one that is not',
    wrong(() => ({ bounded: true }), { capabilities: { ...gaussian.capabilities, bounded: true } }),
    /samples are finite, and lie where they must: a sample is/,
  ],
  [
    'a range of entropies that it leaves',
    { ...gaussian, entropyRange: () => [-20, -10] },
    /is outside its range \[-20, -10\]/,
  ],
];
for (const [name, family, message] of faults)
  test(`a family is refused: ${name}`, async () => assert.match(await said(checkFamily(family)), message));

for (const name of ['neyman/exact', 'reverse-kl/exact'])
  test(`${name} is an estimator as it says`, async () => {
    const families = ['categorical'];
    const variants = Math.max(1, chooseEstimator(name).estimator.variants.length);
    assert.is((await checkEstimator(name, { families, scale: 0.02 })).length, 2 * variants);
  });

test('an estimator with a wrong label, or a loss that is not finite, is refused', async () => {
  const { estimator } = chooseEstimator('reverse-kl/exact');
  registerEstimator(
    { ...estimator, name: 'wrong/label', follows: chooseEstimator('forward-kl/exact').follows },
    {
      ...estimator,
      name: 'wrong/loss',
      loss: (input) => ({
        ...estimator.loss(input, ''),
        loss: mul(Number.NaN, estimator.loss(input, '').loss),
      }),
    },
  );
  const options = { families: ['categorical'], scale: 0.02 };
  assert.match(
    await said(checkEstimator('wrong/label', options)),
    /^The estimator 'wrong\/label' fails 1 of 2 checks: wrong\/label is exact: categorical, K = 1: .* standard errors/,
  );
  assert.match(await said(checkEstimator('wrong/loss', options)), /trains with categorical: loss is NaN/);
});

for (const { name } of environments.filter(({ prepare }) => prepare === undefined))
  test(`${name} is an environment as it says`, async () => {
    assert.is((await checkEnvironment(name)).length, 6);
  });

const pendulum = (change: (one: Environment) => Partial<Environment>) => () => {
  const one = makeEnvironment('pendulum');
  const own: Partial<Environment> = {
    reset: (seed) => one.reset(seed),
    step: (action) => one.step(action),
    getState: () => one.getState(),
    setState: (state) => one.setState(state),
  };
  return Object.assign(Object.create(one) as Environment, own, change(one));
};
let starts = 0;
const worlds: readonly [name: string, make: () => Environment, message: RegExp][] = [
  [
    'a start that no seed repeats',
    pendulum((one) => ({ reset: () => one.reset(starts++) })),
    /a seed repeats everything: the first observations of a seed differ/,
  ],
  [
    'observations beyond their box',
    pendulum(() => ({ observationSpace: { kind: 'box', low: [-1, -1, -1], high: [1, 1, 0.5] } })),
    /observations lie in their box: .* at position 2/,
  ],
  [
    'no end',
    pendulum(() => ({ maxEpisodeSteps: 100 })),
    /an episode is no longer than the limit: step 100 is the last/,
  ],
  [
    'a state that forgets',
    pendulum((one) => ({ setState: (state) => one.setState({ ...state, physics: [0, 0] }) })),
    /a state resumes bit for bit.*: it goes on otherwise/,
  ],
  [
    'a reward of NaN',
    pendulum((one) => ({ step: (a) => ({ ...one.step(a), reward: Number.NaN }) })),
    /spaces and steps are as the contract says: The environment 'pendulum' gave/,
  ],
];
for (const [name, make, message] of worlds)
  test(`an environment is refused: ${name}`, async () =>
    assert.match(await said(checkEnvironment(make)), message));

test.run();
