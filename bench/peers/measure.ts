// One contest: this library and its peers at the same work in the same runtime, in turn.
import { median } from '../../src/math/statistics.ts';
import type { Facts, LibraryName, Opening, PeerBackend, RemoteContestant, RunCounts } from './contestant.ts';
import { Absent, type RuntimeName, startHost } from './hosts.ts';
import { medianRatio, type RatioFigure } from './ratio.ts';
import type { Losses, Task, WorkName } from './work.ts';

/** Updates whose losses are compared with the reference, from the same start. */
export const CHECKED_UPDATES = 5;
/**
 * Largest difference of a loss from the reference, relative to it or to 1, whichever is larger. Adam's first steps divide
 * gradients by their own size, so that float32 rounding of small ones moves parameters by up to the learning rate.
 */
export const LOSS_TOLERANCE = 1e-4;

/** Who competes. */
export interface Entrant {
  readonly library: LibraryName;
  readonly backend: PeerBackend;
  readonly threads?: number;
  /** OpenBLAS's kernels for PyTorch: `automatic` or a core type. */
  readonly core?: string;
}

export interface ContestPlan {
  readonly task: Task;
  readonly work: WorkName;
  readonly runtime: RuntimeName;
  readonly own: Entrant;
  readonly peers: readonly Entrant[];
}

export interface MeasureSettings {
  readonly seed: number;
  readonly rounds: number;
  /** Least duration of one measurement. */
  readonly minimumMs: number;
  /** No further round begins after so long, once there are {@link LEAST_ROUNDS}. */
  readonly maximumMs: number;
  readonly python?: string;
}

const LEAST_ROUNDS = 5;

/** One peer beside this library. */
export interface Pair {
  readonly entrant: Entrant;
  readonly facts: Facts;
  /** Largest difference of its losses (or layers) from the float64 reference, relative. */
  readonly difference: number;
  readonly updatesPerRun: number;
  /** Milliseconds of one update, a round each. */
  readonly ms: readonly number[];
  readonly ownUpdatesPerRun: number;
  readonly ownMs: readonly number[];
  readonly medianMs: number;
  readonly ownMedianMs: number;
  /** How many times faster this library is. */
  readonly ratio: RatioFigure;
}

export interface AbsentPeer {
  readonly entrant: Entrant;
  readonly reason: string;
}

export interface Contest {
  readonly task: Task;
  readonly work: WorkName;
  readonly runtime: RuntimeName;
  readonly own: Entrant;
  readonly facts: Facts;
  readonly difference: number;
  /** Losses of this library's float64 arithmetic in the first updates; empty for the task `layers`. */
  readonly reference: readonly Losses[];
  readonly counts: RunCounts | null;
  /** Milliseconds of the host for each of the runs whose median was counted, sorted. */
  readonly hostTimesMs: readonly number[];
  readonly pairs: readonly Pair[];
  readonly absent: readonly AbsentPeer[];
}

/** `pytorch, 2 threads, Haswell` */
export const entrantName = ({ library, backend, threads, core }: Entrant): string =>
  [
    library === 'pytorch' ? library : `${library} ${backend}`,
    ...(threads === undefined ? [] : [`${threads} thread${threads > 1 ? 's' : ''}`]),
    ...(core === undefined ? [] : [core]),
  ].join(', ');

/** The losses or layers that all must agree with, from this library's float64 arithmetic. */
interface Reference {
  readonly losses: readonly Losses[];
  readonly layers: Readonly<Record<string, readonly number[]>>;
}

const references = new Map<string, Reference>();

async function referenceOf(task: Task, work: WorkName, seed: number): Promise<Reference> {
  const key = `${task} ${work} ${seed}`;
  let known = references.get(key);
  if (!known) {
    const opening: Opening = { library: 'divergrad', backend: 'cpu', double: true, task, work, seed };
    const host = await startHost('node', opening);
    try {
      await host.open(opening);
      known =
        task === 'update'
          ? { losses: await host.check(CHECKED_UPDATES), layers: {} }
          : { losses: [], layers: await host.layers() };
    } finally {
      await host.close();
    }
    references.set(key, known);
  }
  return known;
}

/** Largest difference of losses, relative to the reference or to 1. */
export function lossDifference(losses: readonly Losses[], reference: readonly Losses[]): number {
  const relative = (value: number, expected: number) =>
    Math.abs(value - expected) / Math.max(1, Math.abs(expected));
  const all = reference.flatMap(({ criticLoss, policyLoss }, i) => [
    relative(losses[i]?.criticLoss ?? Number.NaN, criticLoss),
    relative(losses[i]?.policyLoss ?? Number.NaN, policyLoss),
  ]);
  return Math.max(...all);
}

/** Largest difference of any element of any output, relative to the largest element of that output. */
export function layersDifference(
  layers: Readonly<Record<string, readonly number[]>>,
  reference: Readonly<Record<string, readonly number[]>>,
): number {
  let worst = 0;
  for (const [name, expected] of Object.entries(reference)) {
    const values = layers[name] ?? [];
    const size = expected.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);
    expected.forEach((value, i) => {
      const difference = Math.abs((values[i] ?? Number.NaN) - value) / size;
      if (!(difference <= worst)) worst = difference;
    });
  }
  return worst;
}

/** A contestant opened, checked and warm. */
class Ready {
  private constructor(
    private readonly host: RemoteContestant,
    readonly difference: number,
    readonly updatesPerRun: number,
  ) {}

  /** @throws Absent when it cannot be had, or computes something else */
  static async open(plan: ContestPlan, entrant: Entrant, settings: MeasureSettings): Promise<Ready> {
    const { task, work, runtime } = plan;
    const { seed, minimumMs, python } = settings;
    const { library, backend, threads, core = 'automatic' } = entrant;
    const reference = await referenceOf(task, work, seed);
    const opening: Opening = { library, backend, task, work, seed, ...(threads ? { threads } : {}) };
    const host = await startHost(runtime, opening, { core, ...(python ? { python } : {}) });
    try {
      await host.open(opening);
      const difference =
        task === 'update'
          ? lossDifference(await host.check(CHECKED_UPDATES), reference.losses)
          : layersDifference(await host.layers(), reference.layers);
      if (!(difference <= LOSS_TOLERANCE)) {
        throw new Absent(
          `it computes something else: results differ by ${difference.toPrecision(2)} (${LOSS_TOLERANCE} allowed)`,
        );
      }
      return new Ready(host, difference, await warm(host, minimumMs));
    } catch (error) {
      await host.close().catch(() => undefined);
      throw error;
    }
  }

  /** Milliseconds of one update. */
  async once(): Promise<number> {
    return (await this.host.time(this.updatesPerRun)) / this.updatesPerRun;
  }

  facts(): Promise<Facts> {
    return this.host.facts();
  }

  counts(updates: number): Promise<RunCounts | null> {
    return this.host.counts(updates);
  }

  close(): Promise<void> {
    return this.host.close();
  }
}

/**
 * Runs until compilers and caches have settled, and finds how many updates make a measurement long enough that neither
 * the clock nor waiting for the end shows.
 */
async function warm(host: RemoteContestant, minimumMs: number): Promise<number> {
  let updates = 1;
  for (let spent = 0, ms = 0; ; ) {
    ms = await host.time(updates);
    spent += ms;
    if (ms >= minimumMs && spent >= WARM_RUNS * minimumMs) return updates;
    if (ms < minimumMs)
      updates = Math.max(updates + 1, Math.ceil((1.2 * updates * minimumMs) / Math.max(ms, 0.01)));
    updates = Math.min(updates, 10_000);
  }
}
const WARM_RUNS = 4;

/**
 * Updates of a run that is counted; how many such runs there are at most, and how long they may take if it is several. The
 * host's time of a run is short, and a machine that others share takes twice as long for it now and then.
 */
const COUNTED_UPDATES = 100;
const COUNTED_RUNS = 15;
const COUNTED_MS = 120_000;

/** Runs that are all the same but for the host's time: the counts of that with the median, and the times of all, sorted. */
async function countRuns(
  own: Ready,
  msPerUpdate: number,
): Promise<{ counts: RunCounts | null; hostTimesMs: number[] }> {
  const affordable = Math.min(COUNTED_RUNS, Math.floor(COUNTED_MS / (COUNTED_UPDATES * msPerUpdate)));
  // An odd number has a median.
  const wanted = affordable % 2 === 0 ? affordable - 1 : affordable;
  const runs: RunCounts[] = [];
  do {
    const counts = await own.counts(COUNTED_UPDATES);
    if (!counts) return { counts: null, hostTimesMs: [] };
    runs.push(counts);
  } while (runs.length < wanted);
  runs.sort((a, b) => a.hostMs - b.hostMs);
  return { counts: runs[Math.floor(runs.length / 2)], hostTimesMs: runs.map(({ hostMs }) => hostMs) };
}

/**
 * Measures a contest: each peer in turn against this library, A B A B. Only one of them is at work at any time.
 *
 * @param onProgress gets a text for people and a share from 0 to 1
 * @throws Absent when this library itself cannot be had
 */
export async function measureContest(
  plan: ContestPlan,
  settings: MeasureSettings,
  onProgress: (done: number, text: string) => void,
): Promise<Contest> {
  const { task, work, runtime } = plan;
  const own = await Ready.open(plan, plan.own, settings);
  try {
    const pairs: Pair[] = [];
    const absent: AbsentPeer[] = [];
    for (const [i, entrant] of plan.peers.entries()) {
      onProgress(i / plan.peers.length, entrantName(entrant));
      let peer: Ready;
      try {
        peer = await Ready.open(plan, entrant, settings);
      } catch (error) {
        if (!(error instanceof Absent)) throw error;
        absent.push({ entrant, reason: error.message });
        continue;
      }
      try {
        const step = (done: number) => onProgress((i + done) / plan.peers.length, entrantName(entrant));
        pairs.push(await measurePair(entrant, own, peer, settings, step));
      } finally {
        await peer.close();
      }
    }
    const counted = await countRuns(own, await own.once());
    const { losses: reference } = await referenceOf(task, work, settings.seed);
    const { difference } = own;
    const facts = await own.facts();
    return { task, work, runtime, own: plan.own, facts, difference, reference, ...counted, pairs, absent };
  } finally {
    await own.close();
  }
}

async function measurePair(
  entrant: Entrant,
  own: Ready,
  peer: Ready,
  { rounds, maximumMs, seed }: MeasureSettings,
  onProgress: (done: number) => void,
): Promise<Pair> {
  const ms: number[] = [];
  const ownMs: number[] = [];
  const start = performance.now();
  for (let round = 0; round < rounds; round++) {
    if (round >= LEAST_ROUNDS && performance.now() - start > maximumMs) break;
    await settle();
    ownMs.push(await own.once());
    await settle();
    ms.push(await peer.once());
    onProgress((round + 1) / rounds);
  }
  return {
    entrant,
    facts: await peer.facts(),
    difference: peer.difference,
    updatesPerRun: peer.updatesPerRun,
    ms,
    ownUpdatesPerRun: own.updatesPerRun,
    ownMs,
    medianMs: median(ms),
    ownMedianMs: median(ownMs),
    ratio: medianRatio(
      ms.map((value, i) => value / ownMs[i]),
      seed,
    ),
  };
}

/** Threads that wait for work by looking for it give up within this time. */
const SETTLE_MS = 20;
const settle = (): Promise<void> => new Promise((done) => setTimeout(done, SETTLE_MS));
