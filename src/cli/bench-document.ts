// What `bench` writes as JSON.
import type { CostReport, CostSettings } from '../measure/cost.ts';
import type { HalfCost } from '../measure/half-cost.ts';
import type { KernelCheck } from '../measure/kernel-check.ts';
import type { KernelCosts } from '../measure/kernel-times.ts';
import type { EstimatorParts } from '../measure/parts.ts';
import type { ScalingReport } from '../measure/scaling.ts';
import type { WholeUpdateCost } from '../measure/update-cost.ts';
import type { Stage } from '../program/passes/pass.ts';
import type { MlpKernels } from '../tape/index.ts';

/** What was measured on one backend. */
export interface BackendReport extends CostReport {
  readonly wholeUpdate: readonly WholeUpdateCost[];
  readonly parts?: readonly EstimatorParts[];
  readonly kernels?: KernelCosts;
  readonly f16?: HalfCost;
  readonly scaling?: readonly ScalingReport[];
  /** Kernels of the rows, each by itself at several shapes; absent in older documents. */
  readonly kernelChecks?: readonly KernelCheck[];
}

/** What `bench --json` writes. */
export interface BenchDocument {
  readonly kind: 'divergrad-cost';
  /** ISO 8601, when the run began. */
  readonly date: string;
  readonly versions: Readonly<Record<string, string>>;
  /** The arguments that give it again. */
  readonly command: readonly string[];
  readonly reports: readonly BackendReport[];
  /** Backends that could not be opened, and why. */
  readonly absent: readonly AbsentBackend[];
}

/** The program of a backend after each pass. */
export interface Explained {
  readonly backend: string;
  readonly estimator: string;
  readonly networks: MlpKernels;
  readonly stages: readonly Stage[];
}

/** What `bench --explain --json` writes. */
export type PassesDocument = Omit<BenchDocument, 'kind' | 'reports'> & {
  readonly kind: 'divergrad-passes';
  readonly settings: CostSettings;
  readonly explained: readonly Explained[];
};

export interface AbsentBackend {
  readonly backend: string;
  readonly reason: string;
  /** Whether it is there, but computes wrong numbers. */
  readonly wrong?: boolean;
}
