import type { Environment } from '../../src/envs/environment.ts';
import { makeEnvironment } from '../../src/envs/registry.ts';
import type { Scene } from '../../src/envs/scene.ts';
import { LocalVector } from '../../src/envs/vector.ts';
import type { BackendChoice } from '../../src/open/open.ts';
import type { Evaluation } from '../../src/rl/evaluation.ts';
import { train } from '../../src/rl/train.ts';
import { trainNumbersOf } from '../../src/rl/train-options.ts';
import { completeSettings, learnerOf } from '../../src/study/runs/run-settings.ts';
import { openFor } from '../shell/device.ts';
import type { JobPort } from '../shell/protocol.ts';
import type { LearnSettings } from './form.ts';

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
  asked: LearnSettings,
  backend: BackendChoice,
  port: JobPort,
): Promise<readonly Evaluation[]> {
  const device = await openFor(port, backend, 1);
  try {
    const settings = await completeSettings({ ...asked, backend });
    const own = makeEnvironment(settings.environment);
    const film = new Film();
    const start = performance.now();
    let last = 0;
    return await train(device, {
      ...trainNumbersOf(settings),
      steps: settings.steps,
      learner: learnerOf(settings),
      environments: new LocalVector([own]),
      makeEnvironment: () => film.watch(makeEnvironment(settings.environment)),
      onStep: (step) => {
        if (performance.now() - last < PICTURE_MS) return;
        last = performance.now();
        port.emit({ kind: 'step', step, scene: own.scene?.() } satisfies LearnEvent);
      },
      onEvaluation: (evaluation) => {
        const seconds = (performance.now() - start) / 1000;
        port.emit({ kind: 'evaluation', evaluation, seconds, episode: film.cut() } satisfies LearnEvent);
      },
    });
  } finally {
    // A lost device refuses; what it was lost for is what is told.
    await device.dispose().catch(() => undefined);
  }
}

/** What one of several environments looks like after every step: the first that takes one. */
class Film {
  private scenes: Scene[] = [];
  private shown: Environment | undefined;

  watch(environment: Environment): Environment {
    const step = environment.step.bind(environment);
    environment.step = (action) => {
      const transition = step(action);
      this.shown ??= environment;
      const scene = this.shown === environment ? environment.scene?.() : undefined;
      if (scene) this.scenes.push(scene);
      return transition;
    };
    return environment;
  }

  /** The scenes since the last call. */
  cut(): readonly Scene[] {
    const { scenes } = this;
    this.scenes = [];
    this.shown = undefined;
    return scenes;
  }
}
