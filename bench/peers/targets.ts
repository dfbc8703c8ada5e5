// What the project has set itself against its peers, and whether a run shows it.
import type { LibraryName, PeerBackend } from './contestant.ts';
import type { Contest, Pair } from './measure.ts';
import { entrantName } from './measure.ts';
import { neededFlops, type WorkName, workSizes } from './work.ts';

export type Verdict = 'met' | 'missed' | 'not measured';

export interface TargetResult {
  readonly target: string;
  /** What this run has to say of it; the reason where it says nothing. */
  readonly measured: string;
  readonly verdict: Verdict;
}

interface SpeedTarget {
  readonly work: WorkName;
  readonly backend: 'wasm' | 'webgpu';
  readonly peer: LibraryName;
  readonly peerBackend: PeerBackend;
  /** How many times faster this library must be. */
  readonly atLeast: number;
  readonly aim?: number;
}

export const speedTargets: readonly SpeedTarget[] = [
  { work: 'big', backend: 'wasm', peer: 'pytorch', peerBackend: 'cpu', atLeast: 0.9, aim: 1.1 },
  { work: 'big', backend: 'wasm', peer: 'jax-js', peerBackend: 'wasm', atLeast: 5, aim: 6 },
  { work: 'big', backend: 'wasm', peer: 'tfjs', peerBackend: 'wasm', atLeast: 18, aim: 22 },
  { work: 'small', backend: 'wasm', peer: 'pytorch', peerBackend: 'cpu', atLeast: 5, aim: 8 },
  { work: 'small', backend: 'wasm', peer: 'jax-js', peerBackend: 'wasm', atLeast: 15, aim: 25 },
  { work: 'small', backend: 'wasm', peer: 'tfjs', peerBackend: 'wasm', atLeast: 20, aim: 35 },
  { work: 'small', backend: 'webgpu', peer: 'jax-js', peerBackend: 'webgpu', atLeast: 4 },
  { work: 'small', backend: 'webgpu', peer: 'tfjs', peerBackend: 'webgpu', atLeast: 12 },
  { work: 'big', backend: 'webgpu', peer: 'jax-js', peerBackend: 'webgpu', atLeast: 2 },
  { work: 'big', backend: 'webgpu', peer: 'tfjs', peerBackend: 'webgpu', atLeast: 3 },
];

/** Targets that other commands measure, with the command. */
const elsewhere: readonly (readonly [target: string, how: string])[] = [
  ['GEMM 256³ at 80% of the 128-bit multiply-add peak, 1.6 times that on two threads', 'docs/roofline.md'],
  [
    'webgpu: a SAC update in at most 14 kernels in the GPU variant',
    'npm run bench, whole update, fused networks',
  ],
  ['no heap growth and no device allocation over 10,000 updates', 'npm test, test/measure/steady'],
  ['Pendulum, 10,000 steps on wasm in under 8 s', 'npm run divergrad -- train --steps 10000'],
  [
    'all goldens on wasm with and without threads, SIMD and relaxed SIMD',
    'npm run test:all, test/process/verify-wasm',
  ],
];

/** Every target with what the contests show of it. */
export function judge(contests: readonly Contest[]): TargetResult[] {
  const updates = contests.filter(({ task }) => task === 'update');
  return [
    ...speedTargets.flatMap((target) => judgeSpeed(target, updates)),
    ...judgeWebGpu(updates.filter(({ own }) => own.backend === 'webgpu')),
    ...elsewhere.map(
      ([target, how]): TargetResult => ({
        target,
        measured: `not by this command: ${how}`,
        verdict: 'not measured',
      }),
    ),
  ];
}

function judgeSpeed(target: SpeedTarget, contests: readonly Contest[]): TargetResult[] {
  const { work, backend, peer, peerBackend, atLeast, aim } = target;
  const name = peer === 'pytorch' ? 'PyTorch at its best' : `${peer} ${peerBackend}`;
  const text = `${backend}, ${work}: ${atLeast}× ${name}${aim ? ` (aim ${aim}×)` : ''}`;
  const results = contests
    .filter((contest) => contest.work === work && contest.own.backend === backend)
    .flatMap((contest): TargetResult[] => {
      const best = slowestRatio(
        contest.pairs.filter(({ entrant }) => entrant.library === peer && entrant.backend === peerBackend),
      );
      if (!best) return [];
      const { value, low, high } = best.ratio;
      const against = peer === 'pytorch' ? ` (${entrantName(best.entrant)})` : '';
      return [
        {
          target: `${text}, ${contest.runtime}`,
          measured: `${digits(value)}× [${digits(low)}, ${digits(high)}]${against}`,
          verdict: value >= atLeast ? 'met' : 'missed',
        },
      ];
    });
  return results.length > 0
    ? results
    : [{ target: text, measured: 'the peer did not run', verdict: 'not measured' }];
}

/** The peer at its best is the one that this library beats by least. */
const slowestRatio = (pairs: readonly Pair[]): Pair | undefined =>
  [...pairs].sort((a, b) => a.ratio.value - b.ratio.value)[0];

/** Host time of one update, µs; first update, s; operations done over operations needed. */
const limits = { hostMicroseconds: 60, firstUpdateSeconds: 2, flops: 1.05 };

function judgeWebGpu(contests: readonly Contest[]): TargetResult[] {
  const at = ({ work, runtime }: Contest) => `, ${work}, ${runtime}`;
  const verdict = (met: boolean): Verdict => (met ? 'met' : 'missed');
  return contests.flatMap((contest): TargetResult[] => {
    const { counts, hostTimesMs, facts, work } = contest;
    if (!counts) return [];
    const { updates, submits, readbacks, flops, hostMs, kernels } = counts;
    const share = flops / neededFlops(workSizes[work]);
    const microseconds = (ms: number) => (1000 * ms) / updates;
    const host = microseconds(hostMs);
    const [least, most] = [Math.min(...hostTimesMs), Math.max(...hostTimesMs)].map(microseconds);
    return [
      {
        target: `webgpu: 1 submit and 0 readbacks for 100 updates${at(contest)}`,
        measured: `${submits} and ${readbacks} for ${updates} updates of ${kernels} kernels here`,
        verdict: verdict(submits === 1 && readbacks === 0),
      },
      {
        target: `webgpu: operations at most ${limits.flops} of those needed${at(contest)}`,
        measured: `${share.toFixed(3)} (all operations over those of the matrix products)`,
        verdict: verdict(share <= limits.flops),
      },
      {
        target: `webgpu: host time of an update below ${limits.hostMicroseconds} µs${at(contest)}`,
        measured: `${host.toFixed(0)} µs in a run of ${updates}, median of ${hostTimesMs.length} from ${least.toFixed(0)} to ${most.toFixed(0)}`,
        verdict: verdict(host < limits.hostMicroseconds),
      },
      {
        target: `webgpu: first update, compilation included, below ${limits.firstUpdateSeconds} s${at(contest)}`,
        measured: `${(facts.firstUpdateMs / 1000).toFixed(2)} s`,
        verdict: verdict(facts.firstUpdateMs < 1000 * limits.firstUpdateSeconds),
      },
    ];
  });
}

/** Three digits, whatever the size. */
export const digits = (value: number): string => (value >= 100 ? value.toFixed(0) : value.toPrecision(3));
