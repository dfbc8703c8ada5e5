// Commands whose output, terminal or parent has gone: each stops, keeps what it has, and ends with a code that tells the truth.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as assert from 'uvu/assert';
import { cli, cliFile, type Ended, Running, startCli, until } from '../helpers/process.ts';

const small = '--env pendulum --backend wasm --warmup 50 --hidden 8 --batch 8 --seed 2'.split(' ');
/** Keeps nothing unasked. */
const never = ['--checkpoint-every', '100000000'];

const quoted = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(' ');

export class Gone {
  readonly folder = mkdtempSync(join(tmpdir(), 'divergrad-gone-'));

  /** A study whose runs do not end, or of which the first ends soon. */
  study(environments: readonly unknown[] = ['pendulum']): string {
    const file = this.path('study.json');
    writeFileSync(
      file,
      JSON.stringify({
        ...{ estimators: ['reverse-kl/pathwise'], environments, seeds: 4 },
        settings: { steps: 100_000_000, warmup: 50, hidden: [8], batch: 8, backend: 'wasm' },
      }),
    );
    return file;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  path(name: string): string {
    return join(this.folder, name);
  }

  endless(out: string): string[] {
    return ['train', ...small, ...never, '--steps', '100000000', '--out', out];
  }

  /** A command as a shell runs it, with what the shell does before and to its outputs; the code is the command's own. */
  async shell(args: readonly string[], after: string, before = ':'): Promise<Ended> {
    const code = this.path('code');
    const command = `{ (${before}; ${quoted([process.execPath, cliFile, ...args])}); echo $? >'${code}'; } ${after}`;
    const ended = await new Running('sh', ['-c', command]).ended;
    return { ...ended, code: Number(readFileSync(code, 'utf8')) };
  }

  /**
   * A folder of a run that was stopped: it goes on, and nothing half written or locked is in it. Before its environments
   * have started there is a policy, and nothing for a checkpoint to hold.
   */
  assertKept(out: string): void {
    assert.ok(existsSync(join(out, 'policy.json')), 'a policy is kept');
    assert.not.ok(existsSync(join(out, 'result.json')));
    this.assertClean(out);
  }

  assertClean(out: string): void {
    assert.equal(
      readdirSync(out, { recursive: true, encoding: 'utf8' }).filter((name) => /\.lock|\.part/.test(name)),
      [],
    );
  }

  /** A study two of whose runs are under way. */
  async studyUnderWay(out: string): Promise<{ child: Running; runs: string[] }> {
    const child = startCli(['study', this.study(), ...never, '--jobs', '2', '--out', out]);
    const runs = () =>
      existsSync(join(out, 'runs'))
        ? readdirSync(join(out, 'runs')).map((name) => join(out, 'runs', name))
        : [];
    await child.brings(() => runs().filter((run) => existsSync(join(run, 'metrics.jsonl'))).length === 2);
    return { child, runs: runs() };
  }

  /** Its parent is killed in the middle of long runs: they save, release and end. */
  async orphans(out: string): Promise<void> {
    const { child, runs } = await this.studyUnderWay(out);
    const locks = runs.flatMap((run) => readdirSync(run).filter((name) => name.startsWith('run.lock.')));
    const processes = locks.map((name) => Number(/^run\.lock\.(\d+)-/.exec(name)?.[1]));
    assert.is(processes.length, 2);
    child.kill('SIGKILL');
    await child.ended;
    const lives = (pid: number) =>
      existsSync(`/proc/${pid}`) && !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    for (const pid of processes)
      await until(() => {
        try {
          return !lives(pid);
        } catch {
          return true;
        }
      }, `the end of process ${pid}`);
    for (const run of runs) this.assertKept(run);
  }

  async files(): Promise<Record<string, string[]>> {
    const out = this.path('finished');
    const brief = [...small, '--steps', '100', '--evaluate-every', '50', '--episodes', '1'];
    if (!existsSync(out)) {
      const { code, stderr } = await cli(['train', ...brief, '--out', out]);
      assert.is(code, 0, stderr);
    }
    mkdirSync(this.path('made'), { recursive: true });
    const short = this.path('short.json');
    const settings = { steps: 100, warmup: 50, hidden: [8], batch: 8, backend: 'wasm' };
    const environments = ['pendulum', 'linear-quadratic'];
    writeFileSync(
      short,
      JSON.stringify({ estimators: ['reverse-kl/pathwise'], environments, seeds: 1, settings }),
    );
    return {
      train: ['train', ...brief],
      // A remark after each run; all of them are done after the first call.
      study: ['study', short, '--jobs', '1', '--out', this.path('short')],
      throughput: [
        'throughput',
        '--envs',
        'bimodal-bandit',
        '--steps',
        '20',
        '--rounds',
        '1',
        '--backend',
        'cpu',
      ],
      bench: ['bench', '--quick', '--backend', 'cpu', '--estimators', 'reverse-kl/pathwise'],
      quality: [
        ...['quality', '--quick', '--estimators', 'reverse-kl/pathwise', '--distributions', 'tanh-gaussian'],
        ...['--targets', 'bimodal', '--replications', '8', '--out', this.path('made')],
      ],
      play: ['play', out, '--episodes', '2'],
      report: ['report', out, '--resamples', '100', '--out', this.path('made')],
      verify: ['verify', 'test/golden', '--group', 'ops_unary'],
      matrix: ['matrix'],
      help: ['--help'],
      'a wrong call': ['train', '--env', 'nope'],
    };
  }
}
