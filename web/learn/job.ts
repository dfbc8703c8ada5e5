import type { Device } from '../../src/device.ts';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import type { Environment } from '../../src/envs/environment.ts';
import { makeEnvironment, prepareEnvironment } from '../../src/envs/registry.ts';
import type { Scene } from '../../src/envs/scene.ts';
import { LocalVector } from '../../src/envs/vector.ts';
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
  try {
    return await trainOn(device, settings, port);
  } finally {
    await device.dispose();
  }
}

async function trainOn(
  device: Device,
  settings: LearnSettings,
  port: JobPort,
): Promise<readonly Evaluation[]> {
  await prepareEnvironment(settings.environment);
  const learning = makeEnvironment(settings.environment);
  const { actionSpace } = learning;
  const discrete = actionSpace.kind === 'discrete';
  const learner = new ActorCritic({
    observations: learning.observationSpace.low.length,
    actions: discrete
      ? { kind: 'discrete', size: actionSpace.n }
      : { kind: 'box', size: actionSpace.low.length },
    estimator: chooseEstimator(settings.estimator),
    family: distributionFamily(discrete ? 'categorical' : 'tanh-gaussian'),
    learningRate: settings.learningRate,
    seed: settings.seed,
  });
  const camera = new Camera();
  const start = performance.now();
  let last = 0;
  return train(device, {
    environments: new LocalVector([learning]),
    makeEnvironment: () => camera.watch(makeEnvironment(settings.environment)),
    learner,
    steps: settings.steps,
    warmup: settings.warmup,
    evaluateEvery: settings.evaluateEvery,
    evaluationEpisodes: settings.evaluationEpisodes,
    seed: settings.seed,
    onStep: (step) => {
      if (performance.now() - last < PICTURE_MS) return;
      last = performance.now();
      port.emit({ kind: 'step', step, scene: learning.scene?.() } satisfies LearnEvent);
    },
    onEvaluation: (evaluation) => {
      const seconds = (performance.now() - start) / 1000;
      port.emit({ kind: 'evaluation', evaluation, seconds, episode: camera.take() } satisfies LearnEvent);
    },
  });
}

/** Films one of the environments that it watches: the first that moves. */
class Camera {
  private film: Scene[] = [];
  private filmed: Environment | undefined;

  watch(environment: Environment): Environment {
    const step = environment.step.bind(environment);
    environment.step = (action) => {
      const transition = step(action);
      this.filmed ??= environment;
      const scene = this.filmed === environment ? environment.scene?.() : undefined;
      if (scene) this.film.push(scene);
      return transition;
    };
    return environment;
  }

  /** A scene a step since the last time; the next film is of the first that moves then. */
  take(): readonly Scene[] {
    const { film } = this;
    [this.film, this.filmed] = [[], undefined];
    return film;
  }
}
