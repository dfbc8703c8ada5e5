// Distributions that nearly equal each other, and Student's t that nearly equals the normal: differences that the plain
// formulas lose. Expected: mpmath with 60 digits.
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { createCpuBackend } from '../../src/backend/cpu/backend.ts';
import { Device } from '../../src/device.ts';
import { Categorical } from '../../src/distributions/categorical.ts';
import { Gaussian } from '../../src/distributions/gaussian.ts';
import { FullGaussian } from '../../src/distributions/gaussian-full.ts';
import { standardLaplace } from '../../src/distributions/laplace.ts';
import { LocationScale } from '../../src/distributions/location-scale.ts';
import { standardStudentT } from '../../src/distributions/student-t.ts';
import { mpoTrustRegions } from '../../src/divergences/mpo.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { boltzmann } from '../../src/divergences/target.ts';
import {
  add,
  grad,
  input,
  literal,
  type Operand,
  reshape,
  sub,
  sum,
  type Tensor,
} from '../../src/tape/index.ts';
import { evaluate } from '../helpers/devices.ts';

const test = suite('close distributions');

const precisions = [
  ['f64', 1e-9],
  ['f32', 3e-6],
] as const;
const device = (precision: 'f64' | 'f32') => new Device(createCpuBackend({ precision }));

function near(found: ArrayLike<number>, expected: readonly number[], tolerance: number, what: string): void {
  expected.forEach((x, i) => {
    assert.ok(Math.abs(found[i] / x - 1) < tolerance, `${what} [${i}]: ${found[i]}, expected ${x}`);
  });
}

/** Log-density at 0, 1, 2.5 and 30, entropy, and the entropy's derivative in the degrees of freedom. */
const studentValues = [
  [
    0.5,
    [-1.3105329259115095, -2.1344921424125918, -3.2625501899947973, -6.932605934793477],
    3.6667274161038543,
    -4.495793565063314,
  ],
  [
    3,
    [-1.0008888496235098, -1.5762529945270716, -3.252911375335958, -12.415109379121262],
    1.773477571863291,
    -0.12320146702978621,
  ],
  [
    50,
    [-0.9239382000311456, -1.4289051960837282, -3.9274056092689236, -76.00713216877537],
    1.4390371808457625,
    -0.0004039184976988532,
  ],
  [
    1e4,
    [-0.9189635332046311, -1.4189885323713394, -4.0432997797994545, -431.85053358658683],
    1.419038535704506,
    -1.0000499949995002e-8,
  ],
  [
    1e6,
    [-0.9189387832046727, -1.4189390332045895, -4.043932142610597, -450.7170099988726],
    1.4189395332049226,
    -1.0000004999995e-12,
  ],
  [
    1e9,
    [-0.9189385334546727, -1.4189385337046727, -4.043938526814048, -450.91873648357597],
    1.4189385342046728,
    -1.0000000005e-18,
  ],
] as const;

for (const [precision, tolerance] of precisions) {
  test(`${precision}: Student's t at any degrees of freedom, given as a number or a tensor`, async () => {
    for (const [df, logProb, entropy, slope] of studentValues) {
      const found = await evaluate(
        () => {
          const given = input('df', [1, 1]);
          const make = (x: Operand) => LocationScale.ofHead(standardStudentT(x), literal([0, 0], [1, 2]), 1);
          const [fixed, free] = [make(df), make(given)];
          const at = literal([0, 1, 2.5, 30], [4, 1, 1]);
          const entropyOf = (policy: LocationScale) => (policy.entropy as () => Tensor)();
          return {
            fixed: fixed.logProb(at),
            free: free.logProb(at),
            fixedEntropy: entropyOf(fixed),
            freeEntropy: entropyOf(free),
            slope: grad(sum(entropyOf(free)), [given])[0],
          };
        },
        { df: [df] },
        { device: device(precision) },
      );
      near(found.fixed, logProb, tolerance, `log-density, df ${df}`);
      near(found.free, logProb, tolerance, `log-density, df ${df} in a tensor`);
      near(found.fixedEntropy, [entropy], tolerance, `entropy, df ${df}`);
      near(found.freeEntropy, [entropy], tolerance, `entropy, df ${df} in a tensor`);
      // Further on it is a part in 1e9 of the entropy or less.
      if (df <= (precision === 'f64' ? 1e6 : 50))
        near(found.slope, [slope], 30 * tolerance, `slope, df ${df}`);
    }
  });

  test(`${precision}: samples of Student's t with a million degrees of freedom are nearly normal`, async () => {
    const samples = 4000;
    const { drawn } = await evaluate(
      () => ({
        drawn: LocationScale.ofHead(standardStudentT(1e6), literal([0, 0], [1, 2]), 1).sample(samples)
          .actions,
      }),
      {},
      { device: device(precision), seed: 5 },
    );
    const sorted = Array.from(drawn).sort((a, b) => a - b);
    // Quartiles and 2.5 % points of the normal; five standard errors of each.
    for (const [share, quantile, error] of [
      [0.25, -0.6745, 0.022],
      [0.75, 0.6745, 0.022],
      [0.025, -1.96, 0.043],
      [0.975, 1.96, 0.043],
    ])
      assert.ok(
        Math.abs(sorted[Math.floor(share * samples)] - quantile) < 5 * error,
        `${share}: ${sorted[Math.floor(share * samples)]}`,
      );
    assert.is(new Set(sorted).size > 0.99 * samples, true, 'values repeat');
  });

  test(`${precision}: KL of nearly equal categoricals, and its gradient`, async () => {
    for (const [move, kl, gradient] of [
      [
        2 ** -20,
        6.226092409965607e-13,
        [-4.0052308566840853e-7, -5.206812367152305e-8, 4.525912093399316e-7],
      ],
    ] as const) {
      const found = await evaluate(
        () => {
          const first = input('first', [1, 3]);
          const value = new Categorical(first, 3).kl(new Categorical(input('second', [1, 3]), 3));
          return { value, slope: grad(sum(value), [first])[0] };
        },
        { first: [0.5, -1, 2], second: [0.5 + move, -1, 2 - 2 * move] },
        { device: device(precision) },
      );
      // A shift of all differences by an error of rounding is of second order in the value, of first in the gradient.
      near(found.value, [kl], precision === 'f64' ? 1e-9 : 2e-2, 'KL');
      near(found.slope, gradient, precision === 'f64' ? 1e-8 : 0.3, 'gradient');
    }
  });

  test(`${precision}: KL of nearly equal Gaussians, and its gradient, whole covariances too`, async () => {
    const e = 2 ** -20;
    const found = await evaluate(
      () => {
        const [zero, moved] = [input('zero', [1, 2]), literal([0, e], [1, 2])];
        const kl = new Gaussian(zero, 1, false).kl(new Gaussian(moved, 1, false));
        const full = (raw: readonly number[]) =>
          new FullGaussian(literal([0, 0], [1, 2]), literal(raw, [1, 2, 2]));
        return {
          kl,
          slope: sub(reshape(grad(sum(kl), [zero])[0], [2]), literal([1, 0], [2])),
          full: full([0.25, 0, 0.5, -0.5]).kl(full([0.25 + e, 0, 0.5 + e, -0.5])),
        };
      },
      { zero: [0, 0] },
      { device: device(precision) },
    );
    // e² − ⅔e³ …; −1 + e^(−2e).
    near(found.kl, [e * e - (2 / 3) * e ** 3], tolerance, 'KL');
    near([found.slope[1]], [Math.expm1(-2 * e)], tolerance, 'gradient in log-std');
    near(found.full, [fullKl], precision === 'f64' ? 1e-9 : 0.1, 'KL of whole covariances');
  });

  test(`${precision}: penalty k3 and MPO's trust region near zero and far from it, value and gradient`, async () => {
    const update = await device(precision).compile(({ input }) => {
      const [head, old] = [input('head', [1, 2]), literal([0, 0], [1, 2])];
      const make = (x: Tensor) => LocationScale.ofHead(standardLaplace, x, 1);
      // Beyond both locations the log-ratio is the difference of the locations.
      const k3 = chooseEstimator('kl-penalty/k3:off-policy').loss({
        policy: make(head),
        reference: make(old),
        behaviour: make(old),
        target: boltzmann((a) => reshape(a, [1, ...a.shape.slice(0, 2)]), { temperature: 1 }),
        noise: literal([0.9921875], [1, 1, 1]),
        samples: 1,
      }).loss;
      const spread = Gaussian.of(literal([0], [1, 1]), reshape(sum(head), [1, 1]), false);
      const { covariance } = mpoTrustRegions(
        spread,
        Gaussian.of(literal([0], [1, 1]), literal([0], [1, 1]), false),
      );
      return {
        k3,
        dK3: grad(k3, [head])[0],
        covariance: add(covariance, 0),
        dCovariance: grad(covariance, [head])[0],
      };
    });
    for (const [gap, k3, dK3, covariance, dCovariance] of [
      [2 ** -20, 4.547472063262089e-13, 9.536738616590436e-7, 9.094941235320453e-13, 1.9073468138242529e-6],
      [2 ** -10, 4.7668197566223473e-7, 0.0009760858180243377, 9.53053737736355e-7, 0.0019512188925245274],
      [0.3, 0.040818220681717865, 0.2591817793182821, 0.07440581804701321, 0.45118836390397354],
      [-3, 16.085536923187668, -19.085536923187668, 198.21439674636756, -402.4287934927351],
      [1.5, Math.exp(-1.5) + 0.5, 1 - Math.exp(-1.5), 1 + Math.exp(-3) / 2, 1 - Math.exp(-3)],
    ]) {
      update.write({ head: [gap, 0] });
      update.run();
      // The log-ratio itself carries the rounding of a log-density.
      const within = Math.max(tolerance, (precision === 'f64' ? 2e-15 : 2e-6) / Math.abs(gap));
      near(await update.read('k3'), [k3], precision === 'f32' && gap < 1e-5 ? 0.3 : within, `k3 at ${gap}`);
      near(
        await update.read('dK3'),
        [dK3],
        precision === 'f32' && gap < 1e-5 ? 0.15 : within,
        `its gradient at ${gap}`,
      );
      near(await update.read('covariance'), [covariance], tolerance, `covariance at ${gap}`);
      near(await update.read('dCovariance'), [dCovariance], tolerance, `its gradient at ${gap}`);
    }
  });
}

/** Of factors [[e^¼, 0], [½, e^−½]] and, each by 2^−20 more, [[e^(¼+…), 0], [½ + …, e^−½]]. */
const fullKl = 1.2185261044966681e-12;

test.run();
