import { extname, join } from 'node:path';
import type { Command } from 'commander';
import { makeEnvironment, prepareEnvironment } from '../envs/registry.ts';
import type { Scene } from '../envs/scene.ts';
import { DataError, UsageError } from '../errors.ts';
import { jsonText, parseJson } from '../json.ts';
import { type BackendChoice, open } from '../open/open.ts';
import { animatedPage, animatedSvg, svgFrames } from '../report/animation.ts';
import { parsePolicy, SavedPolicy } from '../rl/policy-file.ts';
import { type Episode, meanInterval, play } from '../study/play.ts';
import { requireFile, requireFolder } from '../study/runs/destination.ts';
import { isAbsent, readdir, readFile, stat } from '../study/runs/files.ts';
import { isStray } from '../study/runs/run-folder.ts';
import { writeFolder } from '../study/runs/whole-file.ts';
import {
  backendChoice,
  type CommonOptions,
  making,
  wholeNumber,
  withCommonOptions,
  withJsonSwitch,
  writeResult,
} from './common.ts';
import { print, printParts, printText, progressBar } from './terminal.ts';

interface PlayCommandOptions extends CommonOptions {
  readonly episodes: number;
  readonly stochastic?: boolean;
  readonly env?: string;
  readonly backend: BackendChoice;
  readonly render?: string;
  readonly fps: number;
  readonly json?: boolean;
}

/** What `play --json` prints. */
export interface PlayReport {
  readonly kind: 'divergrad-play';
  readonly policy: string;
  readonly environment: string;
  readonly distribution: string;
  readonly stochastic: boolean;
  readonly seed: number;
  readonly backend: string;
  readonly versions: Readonly<Record<string, string>>;
  /** The arguments that give it again. */
  readonly command: readonly string[];
  readonly episodes: readonly Episode[];
  readonly meanReturn: number;
  /** 95% interval of the mean; absent for a single episode. */
  readonly interval?: readonly [low: number, high: number];
  readonly rendered?: string;
}

/** Registers `play`: a saved policy at work. */
export function playCommand(program: Command): void {
  const command = program
    .command('play <policy>')
    .description('run a saved policy: its returns, and a film of its first episode')
    .option('--episodes <n>', 'episodes', wholeNumber(1, 10_000), 10)
    .option('--stochastic', 'sample actions instead of taking the most likely ones')
    .option('--env <name>', 'play in this environment (default: the one it was trained in)')
    .option('--backend <name>', 'auto, or a backend by name', backendChoice, 'auto' as BackendChoice)
    .option(
      '--render <file>',
      'draw the first episode: an .svg or .html that plays, or a new folder for one SVG a step',
    )
    .option('--fps <n>', 'steps shown in a second', wholeNumber(1, 120), 30);
  command.addHelpText('after', '\n<policy> is a policy.json, or the folder of a run that holds one.');
  withJsonSwitch(withCommonOptions(command)).action(run);
}

async function run(path: string, options: PlayCommandOptions): Promise<void> {
  const write = options.render === undefined ? undefined : await writerFor(options.render, options.fps);
  const policy = new SavedPolicy(await readPolicy(path));
  const { distribution } = policy.file;
  const name = options.env ?? policy.file.environment;
  await prepareEnvironment(name);
  const environments = Array.from({ length: options.episodes }, () => makeEnvironment(name));
  if (write && environments[0].scene === undefined)
    throw new UsageError(`The environment '${name}' cannot be drawn.`, { hint: 'Leave --render out.' });
  const device = await open({ backend: options.backend });
  const bar = progressBar('playing');
  const limit = environments[0].maxEpisodeSteps;
  const stochastic = options.stochastic ?? false;
  try {
    const { episodes, scenes } = await play(device, policy, {
      environments,
      seed: options.seed,
      stochastic,
      record: write !== undefined,
      onStep: (step, running) => bar.update(step / limit, `${running} episodes running`),
    });
    bar.stop();
    const title = `${name}, ${policy.file.estimator}, ${distribution}, return ${episodes[0].return.toFixed(1)}`;
    await write?.(scenes, title);
    const returns = episodes.map((episode) => episode.return);
    const meanReturn = returns.reduce((sum, value) => sum + value, 0) / returns.length;
    const interval = meanInterval(returns, options.seed);
    if (options.json) {
      const report: PlayReport = {
        kind: 'divergrad-play',
        policy: path,
        environment: name,
        distribution,
        stochastic,
        seed: options.seed,
        backend: device.backend.description,
        ...making(),
        episodes,
        meanReturn,
        ...(interval ? { interval } : {}),
        ...(options.render === undefined ? {} : { rendered: options.render }),
      };
      print(jsonText(report, 'The result'));
      return;
    }
    printText(
      `${name}, ${policy.file.estimator}, ${distribution}, ${stochastic ? 'sampled' : 'most likely'} actions`,
    );
    episodes.forEach((episode, i) => {
      const end = episode.terminated ? 'terminated' : 'truncated';
      printParts([
        `episode ${String(i + 1).padStart(4)}`,
        `seed ${String(episode.seed).padStart(16)}`,
        `return ${episode.return.toFixed(2).padStart(9)}`,
        `${episode.steps} steps, ${end}`,
      ]);
    });
    const range = interval ? ` [${interval.map((bound) => bound.toFixed(2)).join(', ')}] (95%)` : '';
    print(`mean return ${meanReturn.toFixed(2)}${range}`);
    if (options.render !== undefined) print(`${scenes.length} frames in ${options.render}`);
  } finally {
    bar.stop();
    await device.dispose();
  }
}

async function readPolicy(path: string) {
  const file = (await stat(path).catch(() => undefined))?.isDirectory() ? join(path, 'policy.json') : path;
  const text = await readFile(file, 'utf8');
  let value: unknown;
  try {
    value = parseJson(text);
  } catch (cause) {
    throw new DataError(`The policy '${file}' is not JSON: ${(cause as Error).message}.`, { cause });
  }
  return parsePolicy(value, `'${file}'`);
}

type Writer = (scenes: readonly Scene[], title: string) => Promise<void>;

/** How a path is written to, found out before anything is played. */
async function writerFor(path: string, fps: number): Promise<Writer> {
  const ending = extname(path).toLowerCase();
  if (ending === '.svg' || ending === '.html') {
    const draw = ending === '.svg' ? animatedSvg : animatedPage;
    await requireFile(path);
    return (scenes, title) => writeResult(path, draw(scenes, title, fps));
  }
  if (ending !== '')
    throw new UsageError(`--render cannot write '${ending}' files.`, {
      hint: 'Name an .svg, an .html, or a folder without an ending.',
    });
  await requireFolder(path);
  const held = await readdir(path).catch((error: unknown) => {
    if (isAbsent(error)) return [];
    throw error;
  });
  if (!held.every(isStray))
    throw new UsageError(`The folder '${path}' is not empty.`, { hint: 'Name a new one for the frames.' });
  return async (scenes, title) => {
    const frames = svgFrames(scenes, title).map(
      (frame, i) => [`frame-${String(i).padStart(5, '0')}.svg`, frame] as const,
    );
    await writeFolder(path, new Map(frames));
  };
}
