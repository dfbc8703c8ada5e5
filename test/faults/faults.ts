// The faults, as data: how the command is started, what happens while it runs and after it, and whether it may then refuse.
import {
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { drawDamage } from './damage.ts';
import type { Draws } from './draws.ts';
import { canMount, mount, pause, remount, type Started, type StartOptions, unmount } from './processes.ts';
import { filesBelow, type Kind, type Scenario } from './scenarios.ts';

/** What is known of the scenario from its undisturbed run. */
export interface Facts {
  readonly ms: number;
  /** Most calls of one of its processes that touch its files. */
  readonly calls: number;
  /** Bytes of its folder when it is done, in pages. */
  readonly kilobytes: number;
}

/** Where a try takes place. */
export interface Place {
  readonly folder: string;
  readonly scenario: Scenario;
}

export interface Fault {
  readonly name: string;
  /** Before the command starts. @returns what is put right again before the undisturbed command, and at the end */
  readonly before?: (place: Place) => { readonly mend: () => void; readonly end: () => void };
  readonly start?: (place: Place) => Partial<StartOptions>;
  readonly during?: (running: Started, place: Place) => Promise<void>;
  /** After the disturbed command. @returns what it did, for the message */
  readonly after?: (place: Place) => string;
  /** Whether the undisturbed command may refuse afterwards. */
  readonly mayRefuse?: boolean;
  /** Whether the disturbed command is left out: what is damaged is what it would have read. */
  readonly skipFirst?: boolean;
  /** Whether nobody can read what it says of errors. */
  readonly mute?: boolean;
  /** Whether the disturbed command may leave files half written and locks behind: killed, or without a disk to write to. */
  readonly mayLeave?: boolean;
  /** Whether success says nothing of the files: they were taken away. */
  readonly filesGone?: boolean;
  /** Whether the command must come to its end as if nothing had happened. */
  readonly harmless?: boolean;
  /** Commands at once. */
  readonly times?: number;
}

type Draw = (draws: Draws, facts: Facts, scenario: Scenario) => Fault;

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL', 'SIGKILL'] as const;

/** Only studies have processes beside their own. */
const targets = (kind: Kind) =>
  kind === 'study' ? (['parent', 'parent', 'child', 'child', 'all'] as const) : (['parent'] as const);

const signal: Draw = (draws, { ms }, { kind }) => {
  const first = draws.of(signals);
  const target = draws.of(targets(kind));
  const at = draws.uniform(0.1, 1.2) * ms;
  const which = draws.uniform(0, 1);
  const second = draws.chance(0.25) ? draws.of(signals) : undefined;
  const later = draws.uniform(0, 0.3) * ms;
  return {
    name: `${first} to ${target} after ${at.toFixed(0)} ms${second ? `, ${second} ${later.toFixed(0)} ms later` : ''}`,
    during: async (running) => {
      await pause(at);
      running.strike(target, first, which);
      if (!second) return;
      await pause(later);
      running.strike(target, second, which);
    },
    mayLeave: first === 'SIGKILL' || second !== undefined || target === 'child',
  };
};

/** Processes that are halted for a while and go on; perhaps one is asked to stop meanwhile. */
const halting: Draw = (draws, { ms }, { kind }) => {
  const target = draws.of(targets(kind));
  const at = draws.uniform(0.1, 1) * ms;
  const which = draws.uniform(0, 1);
  const lasting = draws.uniform(20, 800);
  const second = draws.chance(0.3) ? draws.of(signals) : undefined;
  return {
    name: `${target} halted after ${at.toFixed(0)} ms for ${lasting.toFixed(0)} ms${second ? `, ${second} to parent meanwhile` : ''}`,
    during: async (running) => {
      await pause(at);
      running.strike(target, 'SIGSTOP', which);
      if (second) running.strike('parent', second);
      await pause(lasting);
      running.strike('all', 'SIGCONT');
    },
    harmless: second === undefined,
    mayLeave: second === 'SIGKILL',
  };
};

/** One of the threads that a command starts ends by itself. */
const thread: Draw = (draws, facts, scenario) => {
  if (!scenario.args.includes('--workers')) return halting(draws, facts, scenario);
  const how = draws.of(['ends', 'throws']);
  const which = 1 + draws.below(3);
  const after = Math.floor(draws.uniform(0, 1) * facts.ms);
  return inject(`thread ${which} ${how} after ${after} ms`, () => ({ thread: which, how, after }), {});
};

const inject = (name: string, plan: (folder: string) => object, more: Partial<Fault>): Fault => ({
  name,
  start: ({ folder }) => ({
    env: {
      NODE_OPTIONS: `--require ${resolve('test/faults/inject.cjs')}`,
      DIVERGRAD_INJECT: JSON.stringify(plan(folder)),
    },
  }),
  ...more,
});

const atCall: Draw = (draws, { calls }) => {
  const action = draws.of(['SIGKILL', 'half', 'half', 'SIGINT', 'SIGTERM']);
  const at = 1 + draws.below(calls);
  return inject(`${action} at file call ${at}`, (under) => ({ under, at, action }), {
    mayLeave: action === 'SIGKILL' || action === 'half',
  });
};

const failingCall: Draw = (draws, { calls }) => {
  const action = draws.of(['ENOSPC', 'ENOSPC', 'EIO', 'EROFS', 'EACCES', 'EMFILE', 'ENOENT', 'EDQUOT']);
  const at = 1 + draws.below(calls);
  const stays = draws.chance(0.5);
  return inject(
    `${action} at file call ${at}${stays ? ' and all later ones' : ''}`,
    (under) => ({ under, at, action, stays }),
    {
      mayLeave: true,
    },
  );
};

/** Of the calls that write into an open file there are few: among all others they are seldom met. */
const failingWrite: Draw = (draws) => {
  const action = draws.of(['ENOSPC', 'EIO', 'EDQUOT', 'half']);
  const at = 1 + draws.below(12);
  return inject(`${action} at write ${at}`, (under) => ({ under, at, action, only: 'write' }), {
    mayLeave: true,
  });
};

const nowhere: Draw = (draws) => {
  const which = draws.of([1, 2, 3]);
  const how = draws.of(['closed', '/dev/full', 'a reader that goes', 'a reader that goes']);
  const bytes = draws.below(200);
  const names = ['', 'standard output', 'standard error', 'standard output and error'];
  const own = ([1, 2] as const).map((bit) => (which & bit) !== 0);
  return {
    name: `${names[which]}: ${how}${how.startsWith('a') ? ` after ${bytes} bytes` : ''}`,
    mute: own[1],
    harmless: !own[0],
    start: () => {
      if (how === 'closed') return { shell: ['', `${own[0] ? ' >&-' : ''}${own[1] ? ' 2>&-' : ''}`] };
      if (how === '/dev/full')
        return { shell: ['', `${own[0] ? ' >/dev/full' : ''}${own[1] ? ' 2>/dev/full' : ''}`] };
      const most = own.map((gone) => (gone ? bytes : Number.POSITIVE_INFINITY));
      return { readers: [most[0], most[1]] };
    },
  };
};

const noInput: Draw = () => ({
  name: 'standard input closed',
  harmless: true,
  start: () => ({ shell: ['', ' <&-'] }),
});

const fullDisk: Draw = (draws, facts) => {
  const part = draws.uniform(0, 1.1);
  const instead = failingCall(draws, facts, {} as Scenario);
  const growing = draws.chance(0.3);
  return {
    ...(canMount(mountTrial()) ? {} : instead),
    name: `a disk with ${(100 * part).toFixed(0)} % of the room${growing ? ' that fills meanwhile' : ''}`,
    mayLeave: true,
    before: ({ folder, scenario }) => {
      if (!canMount(mountTrial())) return { mend: () => undefined, end: () => undefined };
      // What it reads is there already.
      const held = cpAside(folder);
      mount(folder, 1 << 17);
      held.back();
      const used = pagesOf(folder);
      remount(folder, `size=${used + 4 + Math.floor(part * (facts.kilobytes - used))}k`);
      if (growing) writeFileSync(join(folder, 'filler'), '');
      void scenario;
      return { mend: () => remount(folder, `size=${1 << 17}k`), end: () => unmount(folder) };
    },
  };
};

const readOnlyDisk: Draw = (draws, facts) => {
  const at = draws.uniform(0, 1) * facts.ms;
  const begin = draws.chance(0.3);
  return {
    ...(canMount(mountTrial()) ? {} : failingCall(draws, facts, {} as Scenario)),
    name: begin ? 'a disk that is read-only' : `a disk that becomes read-only after ${at.toFixed(0)} ms`,
    mayLeave: true,
    before: ({ folder }) => {
      if (!canMount(mountTrial())) return { mend: () => undefined, end: () => undefined };
      const held = cpAside(folder);
      mount(folder, 1 << 17);
      held.back();
      if (begin) remount(folder, 'ro');
      return { mend: () => remount(folder, 'rw'), end: () => unmount(folder) };
    },
    during: async (_running, { folder }) => {
      await pause(at);
      // Refused while a file is open for writing: tried again.
      for (let tries = 0; tries < 20 && !remount(folder, 'ro'); tries++) await pause(2);
    },
  };
};

const shortFiles: Draw = (draws, facts, scenario) => {
  // The limit holds for the memory that a software driver shares as files too, which ends in its middle.
  if (/webgpu/.test(scenario.name)) return failingCall(draws, facts, scenario);
  const blocks = draws.of([0, 1, 2, 4, 8, 16, 32]);
  return {
    name: `no file above ${blocks} blocks`,
    mayLeave: true,
    start: () => ({ shell: [`ulimit -f ${blocks}; `, ''] }),
  };
};

const damage: Draw = (draws, facts, { kind }) => {
  const reading = kind === 'report' || kind === 'play';
  const drawn = drawDamage(draws, reading);
  const first = draws.chance(0.75) ? atCall(draws, facts, {} as Scenario) : undefined;
  return {
    ...(first ?? {}),
    name: `${drawn.name} a file${reading ? '' : first ? `, after ${first.name}` : ', after its end'}`,
    skipFirst: reading,
    mayRefuse: true,
    mayLeave: true,
    after: ({ folder, scenario }) => {
      const files = scenario.reads.flatMap((part) =>
        filesBelow(join(folder, part)).map((name) => join(part, name)),
      );
      return `${drawn.name} ${drawn.apply(
        folder,
        files.filter((name) => !/\.lock\.|\.part$/.test(name)),
      )}`;
    },
  };
};

const vanishing: Draw = (draws, { ms }) => {
  const at = draws.uniform(0.2, 1) * ms;
  const how = draws.of([
    'moved away',
    'removed',
    'replaced by a file',
    'replaced by an empty folder',
    'moved away and put back',
    'replaced by a copy',
  ]);
  let aside: string | undefined;
  return {
    name: `the folder ${how} after ${at.toFixed(0)} ms`,
    filesGone: true,
    mayLeave: true,
    mayRefuse: how === 'replaced by a file',
    during: async (_running, { folder, scenario }) => {
      await pause(at);
      const path = join(folder, scenario.out);
      if (!existsSync(path)) return;
      if (how === 'removed') return rmSync(path, { recursive: true, force: true });
      const away = `${folder}-aside`;
      if (how === 'replaced by a copy') {
        try {
          cpSync(path, `${path}-copy`, { recursive: true });
        } catch {
          rmSync(`${path}-copy`, { recursive: true, force: true });
          return; // it changed meanwhile
        }
        renameSync(path, away);
        renameSync(`${path}-copy`, path);
      } else renameSync(path, away);
      aside = away;
      if (how === 'replaced by a file') writeFileSync(path, 'something else');
      if (how === 'replaced by an empty folder') mkdirSync(path);
    },
    after: ({ folder, scenario }) => {
      const path = join(folder, scenario.out);
      if (aside && how === 'moved away and put back') {
        const held = filesBelow(path);
        rmSync(path, { recursive: true, force: true });
        mkdirSync(dirname(path), { recursive: true });
        renameSync(aside, path);
        return held.length > 0 ? `a second folder held ${held.join(', ')}` : 'put back';
      }
      if (aside) rmSync(aside, { recursive: true, force: true });
      return how;
    },
  };
};

const twice: Draw = (draws) => {
  const times = draws.of([2, 3]);
  return { name: `${times} at once`, times };
};

/** What each command writes in its folder. */
const namesOf = {
  train: ['config.json', 'result.json', 'metrics.jsonl', 'policy.json', 'checkpoint.bin', ''],
  study: ['study.json', 'runs', ''],
  report: ['report.html', 'report.json', 'scores.csv', ''],
  play: [''],
} as const;

const folderInTheWay: Draw = (draws, _facts, { out, kind }) => {
  const name = draws.of(namesOf[kind]);
  const file = draws.chance(0.4) || name === '' || name === 'runs';
  return {
    name: `a ${file ? 'file' : 'folder'} at ${join(out, name)}`,
    mayRefuse: true,
    before: ({ folder }) => {
      const path = join(folder, out, name);
      if (!existsSync(path)) {
        mkdirSync(dirname(path), { recursive: true });
        if (file) closeSync(openSync(path, 'w'));
        else mkdirSync(path);
      }
      return { mend: () => undefined, end: () => undefined };
    },
  };
};

/** Faults and how often each is drawn. */
const faults: readonly (readonly [times: number, draw: Draw])[] = [
  [5, signal],
  [1.5, halting],
  [2, thread],
  [4, atCall],
  [4, failingCall],
  [2, failingWrite],
  [3, nowhere],
  [0.3, noInput],
  [2, fullDisk],
  [1, readOnlyDisk],
  [0.7, shortFiles],
  [6, damage],
  [2, vanishing],
  [1, twice],
  [1, folderInTheWay],
];

export function drawFault(draws: Draws, facts: Facts, scenario: Scenario): Fault {
  const total = faults.reduce((sum, [times]) => sum + times, 0);
  let at = draws.uniform(0, total);
  const [, draw] = faults.find(([times]) => (at -= times) < 0) ?? faults[0];
  return draw(draws, facts, scenario);
}

let trial = '';
/** Where it is tried whether file systems can be mounted. */
export const useForMounts = (folder: string): void => {
  trial = folder;
};
const mountTrial = (): string => trial;

/** Kilobytes of a folder, in pages. */
export const pagesOf = (folder: string): number =>
  filesBelow(folder).reduce(
    (sum, name) => sum + 4 * Math.ceil((statSync(join(folder, name)).size + 1) / 4096) + 4,
    0,
  );

function cpAside(folder: string): { back: () => void } {
  const aside = `${folder}-held`;
  cpSync(folder, aside, { recursive: true });
  return {
    back: () => {
      cpSync(aside, folder, { recursive: true });
      rmSync(aside, { recursive: true, force: true });
    },
  };
}
