/** One evaluation of the deterministic policy. */
export interface Evaluation {
  /** Environment steps taken so far. */
  readonly step: number;
  /** Gradient steps taken so far. */
  readonly updates: number;
  /** Undiscounted return of each evaluation episode. */
  readonly returns: readonly number[];
  /** Mean of `returns`. */
  readonly meanReturn: number;
  /** Scalars of the last update; empty before the first. */
  readonly metrics: Readonly<Record<string, number>>;
}
