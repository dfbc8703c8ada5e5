import { quoted, requireOptions, UsageError } from '../errors.ts';
import { cholesky, type Matrix } from '../math/matrix.ts';
import type { PhiloxStream } from '../math/philox.ts';
import { clip, EpisodicEnvironment, type Outcome } from './episodic.ts';
import { circle, line, type Scene } from './scene.ts';

/** Linear dynamics and a quadratic cost: s′ = A s + B a + diag(noise) ε, ε ~ N(0, I); r = −(sᵀQ s + aᵀR a). */
export interface LinearQuadraticSystem {
  /** A [states][states] */
  readonly dynamics: Matrix;
  /** B [states][actions] */
  readonly control: Matrix;
  /** Q [states][states], symmetric and positive semidefinite */
  readonly stateCost: Matrix;
  /** R [actions][actions], symmetric and positive definite */
  readonly actionCost: Matrix;
  /** [states] standard deviations of the process noise; zeros for deterministic dynamics */
  readonly noise: readonly number[];
}

/** Another system than the usual one, and where it is begun and ended. */
export interface LinearQuadraticOptions {
  /** {@link dampedMass} when absent. */
  readonly system?: LinearQuadraticSystem;
  /** Actions are clipped to ± this; 4 when absent. */
  readonly maxAction?: number;
  /** Starts are uniform in ± this, each coordinate; 0.5 when absent. */
  readonly maxStart?: number;
  /** Time limit in steps; 100 when absent. */
  readonly maxEpisodeSteps?: number;
}

const TIME_STEP = 0.2; // s

/** A mass of 1 kg on a spring of 1 N/m with a damper of 1 N·s/m, one explicit Euler step, shaken by gusts. */
export const dampedMass: LinearQuadraticSystem = {
  dynamics: [
    [1, TIME_STEP],
    [-TIME_STEP, 1 - TIME_STEP],
  ],
  control: [[0], [TIME_STEP]],
  stateCost: [
    [1, 0],
    [0, 0.1],
  ],
  actionCost: [[0.1]],
  noise: [0, 0.05],
};

/**
 * Bring a linear system to rest at the origin at a quadratic cost; the policy that is optimal under an entropy
 * bonus is a Gaussian known in closed form (`softOptimalLinearQuadratic`). By default a mass on a spring:
 *
 * | observation | from | to | unit |
 * | ----------- | ---- | -- | ---- |
 * | position    | −∞   | ∞  | m    |
 * | velocity    | −∞   | ∞  | m/s  |
 *
 * | action | from | to | unit                 |
 * | ------ | ---- | -- | -------------------- |
 * | force  | −4   | 4  | N, clipped to bounds |
 *
 * Reward: −(x² + 0.1 ẋ² + 0.1 force²), of the state before the step and the clipped force. It never terminates; the
 * limit is 100 steps of 0.2 s.
 *
 * Start: all coordinates uniform in [−0.5, 0.5). Physics: the state in float64.
 *
 * The closed form knows no bounds on actions. At discount 0.99 its mean stays within ±1.7 over the starts and its
 * standard deviation is 1.88 √temperature, so at temperatures up to 0.1 no action at a start is clipped with a
 * probability above 10⁻⁴.
 *
 * @throws UsageError for matrices that do not fit together or are no costs, or numbers out of range
 */
export class LinearQuadratic extends EpisodicEnvironment {
  readonly name = 'linear-quadratic';
  readonly observationSpace: { readonly kind: 'box'; readonly low: number[]; readonly high: number[] };
  readonly actionSpace: { readonly kind: 'box'; readonly low: number[]; readonly high: number[] };
  readonly maxEpisodeSteps: number;
  readonly system: LinearQuadraticSystem;
  private readonly maxAction: number;
  private readonly maxStart: number;

  constructor(options: LinearQuadraticOptions = {}) {
    const {
      system = dampedMass,
      maxAction = 4,
      maxStart = 0.5,
      maxEpisodeSteps = 100,
    } = requireOptions('LinearQuadratic', options);
    checkSystem(system);
    for (const [name, value] of Object.entries({ maxAction, maxStart })) {
      if (!(value > 0 && Number.isFinite(value)))
        throw new UsageError(`${name} must be a finite number above 0; got ${value}.`);
    }
    if (!Number.isSafeInteger(maxEpisodeSteps) || maxEpisodeSteps < 1)
      throw new UsageError(`maxEpisodeSteps must be a whole number from 1; got ${maxEpisodeSteps}.`);
    const states = system.dynamics.length;
    const actions = system.actionCost.length;
    super(states);
    this.system = system;
    this.maxAction = maxAction;
    this.maxStart = maxStart;
    this.maxEpisodeSteps = maxEpisodeSteps;
    const unbounded = new Array<number>(states).fill(Number.POSITIVE_INFINITY);
    this.observationSpace = { kind: 'box', low: unbounded.map((bound) => -bound), high: unbounded };
    const bounds = new Array<number>(actions).fill(maxAction);
    this.actionSpace = { kind: 'box', low: bounds.map((bound) => -bound), high: bounds };
  }

  protected sampleStart(random: PhiloxStream): void {
    for (let i = 0; i < this.physics.length; i++)
      this.physics[i] = random.uniformIn(-this.maxStart, this.maxStart);
  }

  protected advance(action: ArrayLike<number>, random: PhiloxStream): Outcome {
    const { dynamics, control, stateCost, actionCost, noise } = this.system;
    const state = Array.from(this.physics);
    const applied = actionCost.map((_, i) => clip(action[i], -this.maxAction, this.maxAction));
    const cost = quadraticForm(stateCost, state) + quadraticForm(actionCost, applied);
    for (let i = 0; i < state.length; i++) {
      const gust = noise[i] === 0 ? 0 : noise[i] * random.nextNormal();
      this.physics[i] = dot(dynamics[i], state) + dot(control[i], applied) + gust;
    }
    return { reward: -cost, terminated: false };
  }

  protected observe(): Float32Array {
    return Float32Array.from(this.physics);
  }

  /** The plane of the first two coordinates (position and velocity of the mass), with the origin as the goal. */
  scene(): Scene {
    const [x, y = 0] = this.physics;
    const reach = 4 * this.maxStart;
    return {
      view: { left: -reach, right: reach, bottom: -reach, top: reach },
      shapes: [
        line(
          [
            [-reach, 0],
            [reach, 0],
          ],
          0.01 * reach,
          'ground',
        ),
        line(
          [
            [0, -reach],
            [0, reach],
          ],
          0.01 * reach,
          'ground',
        ),
        line(
          [
            [0, 0],
            [x, y],
          ],
          0.02 * reach,
          'faint',
        ),
        circle([0, 0], 0.04 * reach, 'accent'),
        circle([x, y], 0.06 * reach, 'body'),
      ],
    };
  }
}

const dot = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((total, value, i) => total + value * b[i], 0);

/** xᵀ M x. */
const quadraticForm = (matrix: Matrix, x: readonly number[]): number =>
  dot(
    x,
    matrix.map((row) => dot(row, x)),
  );

/** @throws UsageError naming the part that does not fit */
export function checkSystem(system: LinearQuadraticSystem): void {
  requireOptions(
    'A linear-quadratic system',
    system,
    'dynamics',
    'control',
    'stateCost',
    'actionCost',
    'noise',
  );
  const states = system.dynamics.length;
  const actions = system.actionCost.length;
  const shapes = { dynamics: [states, states], control: [states, actions] } as const;
  const costs = { stateCost: [states, states], actionCost: [actions, actions] } as const;
  if (states === 0 || actions === 0)
    throw new UsageError('A linear-quadratic system needs at least one state and one action.');
  for (const [name, [rows, columns]] of Object.entries({ ...shapes, ...costs })) {
    const matrix = system[name as keyof typeof shapes | keyof typeof costs];
    const fits = matrix.length === rows && matrix.every((row) => row.length === columns);
    if (!fits || !matrix.flat().every(Number.isFinite))
      throw new UsageError(`${name} must be ${rows}×${columns} finite numbers; got ${quoted(matrix)}.`);
  }
  const { noise } = system;
  if (noise.length !== states || !noise.every((deviation) => deviation >= 0 && Number.isFinite(deviation)))
    throw new UsageError(`noise must be ${states} finite numbers from 0; got ${quoted(noise)}.`);
  for (const name of Object.keys(costs) as (keyof typeof costs)[]) {
    const matrix = system[name];
    const symmetric = matrix.every((row, i) => row.every((value, j) => value === matrix[j][i]));
    // A semidefinite cost has zero pivots, which a little more on the diagonal lifts.
    const lift = name === 'stateCost' ? 1e-12 * Math.max(1, ...matrix.flat().map(Math.abs)) : 0;
    if (
      !symmetric ||
      !isPositiveDefinite(matrix.map((row, i) => row.map((x, j) => (i === j ? x + lift : x))))
    )
      throw new UsageError(
        `${name} must be symmetric and positive ${lift > 0 ? 'semi' : ''}definite; got ${quoted(matrix)}.`,
      );
  }
}

function isPositiveDefinite(matrix: Matrix): boolean {
  try {
    cholesky(matrix);
    return true;
  } catch {
    return false;
  }
}
