import { distributionFamily } from '../../src/distributions/registry.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import type { Environment } from '../../src/envs/environment.ts';
import { makeEnvironment, prepareEnvironment } from '../../src/envs/registry.ts';
import type { Scene } from '../../src/envs/scene.ts';
import type { BackendChoice } from '../../src/open/open.ts';
import { ActorCritic } from '../../src/rl/actor-critic.ts';
import { type Evaluation, train } from '../../src/rl/train.ts';
import { openFor } from '../shell/device.ts';
import type { JobPort } from '../shell/protocol.ts';

/** One training run; what is absent is as in `divergrad train`. */
export interface LearnSettings {
  readonly environment: string;
  readonly estimator: string;
  readonly seed: number;
  readonly steps: number;
  readonly warmup: number;
  readonly evaluateEvery: number;
  readonly evaluationEpisodes: number;
  readonly learningRate: number;
}

export type LearnEvent =
  | { readonly kind: 'step'; readonly step: number; readonly scene?: Scene | undefined }
  /** An evaluation with the first of its episodes, a scene a step. */
  | {
      readonly kind: 'evaluation';
      readonly evaluation: Evaluation;
      readonly seconds: number;
      readonly episode: readonly Scene[];
    };

/** Least time between two pictures of the training environment. */
const PICTURE_MS = 100;

/** Trains one policy, and shows it in its environment. */
export async function learn(
  settings: LearnSettings,
  backend: BackendChoice,
  port: JobPort,
): Promise<readonly Evaluation[]> {
  const device = await openFor(port, backend, 1);
  await prepareEnvironment(settings.environment);
  const probe = makeEnvironment(settings.environment);
  const { actionSpace } = probe;
  const discrete = actionSpace.kind === 'discrete';
  const learner = new ActorCritic({
    observations: probe.observationSpace.low.length,
    actions: discrete
      ? { kind: 'discrete', size: actionSpace.n }
      : { kind: 'box', size: actionSpace.low.length },
    estimator: chooseEstimator(settings.estimator),
    family: distributionFamily(discrete ? 'categorical' : 'tanh-gaussian'),
    learningRate: settings.learningRate,
    seed: settings.seed,
  });
  // train() makes the environment it learns in first, then those it evaluates in: the first two are watched.
  const made: Environment[] = [];
  let episode: Scene[] = [];
  const makeWatched = (): Environment => {
    const environment = makeEnvironment(settings.environment);
    made.push(environment);
    if (made.length === 2) watch(environment, (scene) => episode.push(scene));
    return environment;
  };
  const start = performance.now();
  let last = 0;
  const evaluations = await train(device, {
    makeEnvironment: makeWatched,
    learner,
    steps: settings.steps,
    warmup: settings.warmup,
    evaluateEvery: settings.evaluateEvery,
    evaluationEpisodes: settings.evaluationEpisodes,
    seed: settings.seed,
    onStep: (step) => {
      if (performance.now() - last < PICTURE_MS) return;
      last = performance.now();
      port.emit({ kind: 'step', step, scene: made[0].scene?.() } satisfies LearnEvent);
    },
    onEvaluation: (evaluation) => {
      const seconds = (performance.now() - start) / 1000;
      port.emit({ kind: 'evaluation', evaluation, seconds, episode } satisfies LearnEvent);
      episode = [];
    },
  });
  await device.dispose();
  return evaluations;
}

/** Hands on what the environment looks like after every step. */
function watch(environment: Environment, onScene: (scene: Scene) => void): void {
  const step = environment.step.bind(environment);
  environment.step = (action) => {
    const transition = step(action);
    const scene = environment.scene?.();
    if (scene) onScene(scene);
    return transition;
  };
}
