// The request to end, at moments of every long command: the exit code a shell reports is 130 or 143, nothing half
// written stays, and what was begun goes on.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { cli, cliOutput, startCli } from '../helpers/process.ts';

export type Request = 'SIGINT' | 'SIGTERM';
export const requests: readonly Request[] = ['SIGINT', 'SIGTERM'];
const small = '--env pendulum --backend wasm --warmup 50 --hidden 8 --batch 8 --seed 2'.split(' ');

function files(path: string): string[] {
  return readdirSync(path, { recursive: true, encoding: 'utf8' });
}

function isJson(file: string): boolean {
  try {
    JSON.parse(readFileSync(file, 'utf8'));
    return true;
  } catch {
    return false;
  }
}

/** Every long command with more work than the test waits for. @param out a folder of its own */
type Commands = Record<string, (out: string) => string[]>;

export class Signals {
  readonly folder = mkdtempSync(join(tmpdir(), 'divergrad-signals-'));
  private readonly policy = join(this.folder, 'policy');
  readonly commands: Commands = {
    bench: (out) => ['bench', '--backend', 'cpu', '--json', join(out, 'bench.json')],
    quality: (out) => ['quality', '--out', join(out, 'quality')],
    train: (out) => ['train', ...small, '--steps', '100000000', '--out', join(out, 'run')],
    study: (out) => ['study', join(this.folder, 'study.json'), '--jobs', '2', '--out', join(out, 'study')],
    play: (out) => ['play', this.policy, '--episodes', '10000', '--render', join(out, 'film.svg')],
    throughput: () => ['throughput', '--rounds', '1000', '--backend', 'cpu'],
    verify: () => ['verify', 'test/golden', '--backend', 'cpu', '--precision', 'f64'],
  };
  /** How long the program takes to start here and now, ms. */
  private startMs = 0;

  async prepare(): Promise<void> {
    // Its episodes are the longest: 999 steps.
    const longest = ['--env', 'mountain-car-continuous', '--steps', '60', '--evaluate-every', '60'];
    await cliOutput(['train', ...small, ...longest, '--episodes', '1', '--out', this.policy]);
    writeFileSync(
      join(this.folder, 'study.json'),
      JSON.stringify({
        estimators: ['reverse-kl/pathwise'],
        environments: ['pendulum'],
        seeds: 4,
        settings: { steps: 1_000_000, warmup: 50, hidden: [8], batch: 8, backend: 'wasm' },
      }),
    );
    const begun = performance.now();
    await cli(['--version']);
    this.startMs = performance.now() - begun;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** @param starts moments of the request, in times of the program's start: before it listens and after */
  async ends(name: string, signal: Request, starts: readonly number[]): Promise<void> {
    for (const after of starts) {
      const out = join(this.folder, `${name}-${signal}-${after}`);
      mkdirSync(out);
      const child = startCli(this.commands[name](out));
      const sent = setTimeout(() => child.kill(signal), after * this.startMs);
      const { code, stderr } = await child.ended;
      clearTimeout(sent);
      assert.is(code, 128 + constants.signals[signal], `after ${after * this.startMs} ms: ${stderr}`);
      assert.not.match(stderr, /unexpected|at .*\.[jt]s:\d/);
      const left = files(out);
      assert.equal(
        left.filter((file) => /\.json$/.test(file) && !isJson(join(out, file))),
        [],
      );
      if (name === 'bench' || name === 'play') assert.equal(left, []);
    }
  }

  /** A run that was asked to end has a checkpoint, no lock in the way, and goes on. */
  async goesOn(signal: Request): Promise<void> {
    const out = join(this.folder, `resumed-${signal}`);
    const checkpoint = join(out, 'checkpoint.bin');
    // It keeps nothing unasked.
    const never = ['--steps', '100000000', '--checkpoint-every', '100000000'];
    const args = ['train', ...small, ...never, '--out', out];
    const first = startCli(args);
    await first.says(/^step +1000 /m);
    assert.not.ok(existsSync(checkpoint));
    first.kill(signal);
    assert.is((await first.ended).code, 128 + constants.signals[signal]);
    assert.ok(existsSync(checkpoint));
    assert.equal(
      files(out).filter((file) => file.includes('.lock') || file.endsWith('.part')),
      [],
    );
    const again = startCli(args);
    await again.says(/goes on from step [1-9]/);
    again.kill(signal);
    await again.ended;
  }
}
