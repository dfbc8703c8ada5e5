import type { DistributionFamily } from '../../src/distributions/distribution.ts';
import { distributionFamilies } from '../../src/distributions/registry.ts';
import { type EstimatorChoice, missingNeeds } from '../../src/divergences/estimator.ts';
import { chooseEstimator, estimators } from '../../src/divergences/registry.ts';
import type { Bumps, Dimensions, Space } from './targets.ts';

/** What a policy is fitted to, and how; plain data, as it is sent to the worker. */
export interface FitSettings {
  readonly dimensions: Dimensions;
  readonly family: string;
  /** `divergence/estimator:variant` */
  readonly estimator: string;
  /** Order of a Rényi estimator, in place of its variant. */
  readonly order: number;
  /** K, actions sampled a step. */
  readonly samples: number;
  readonly learningRate: number;
  readonly seed: number;
}

/** What the page begins with: the two directions of KL and a target of two modes, of which one takes one and the other both. */
export const firstFit = {
  dimensions: 1,
  family: 'gaussian',
  target: 'bimodal',
  estimators: ['reverse-kl/pathwise', 'forward-kl/snis:policy'],
  temperature: 0.15,
  samples: 64,
  learningRate: 0.03,
  order: 0.5,
  stepsPerFrame: 2,
  seed: 0,
} as const;

/** What changes while a program goes on. */
export interface TargetSettings {
  readonly bumps: Bumps;
  readonly temperature: number;
}

/** The divergences that are computed by quadrature, in the order in which a frame holds them. */
export const divergences = [
  { name: 'reverse-kl', title: 'reverse KL(π‖p)' },
  { name: 'forward-kl', title: 'forward KL(p‖π)' },
  { name: 'jensen-shannon', title: 'Jensen–Shannon' },
  { name: 'hellinger', title: 'squared Hellinger' },
  { name: 'total-variation', title: 'total variation' },
] as const;
export type DivergenceName = (typeof divergences)[number]['name'];

/** One picture of a fit. Arrays are row-major. */
export interface Frame {
  readonly step: number;
  /** The estimator's loss at the last step, which may be a constant away from the divergence. */
  readonly loss: number;
  readonly divergences: readonly number[];
  /** Of CLOUD draws of the policy as proposals for the target, as a share from 0 to 1. */
  readonly effectiveSampleShare: number;
  /** [CLOUD, d] draws of the policy, from the same noise in every frame. */
  readonly cloud: Float32Array;
  /** [ARROWS, d] where the first draws move along the last step's negative gradient, as long as the longest is 1. */
  readonly arrows: Float32Array;
  /** [GRID^d] densities on the display grid */
  readonly policy: Float32Array;
  readonly target: Float32Array;
}

export const CLOUD = 192;
export const ARROWS = 24;

/** Points of the display grid along an axis. */
export const gridPoints = (dimensions: Dimensions): number => (dimensions === 1 ? 241 : 56);
/** What is shown of the line; a box is shown whole. */
export const reachOf = (space: Space): number => (space === 'box' ? 1 : 1.8);
/** The display grid along an axis: the middles of equal cells. */
export function gridAxis(dimensions: Dimensions, space: Space): number[] {
  const count = gridPoints(dimensions);
  return Array.from({ length: count }, (_, i) => reachOf(space) * ((2 * (i + 0.5)) / count - 1));
}

export const spaceOf = ({ capabilities }: DistributionFamily): Space =>
  capabilities.bounded ? 'box' : 'line';

/** Families with a density over a box or a line. */
export const families: readonly DistributionFamily[] = distributionFamilies.filter(
  ({ capabilities }) => capabilities.actionKind === 'box' && capabilities.density,
);

/** Estimators that can train a family, by name with variant. Rényi's orders are a slider, not variants. */
export function estimatorsFor(family: DistributionFamily, dimensions: Dimensions): string[] {
  return estimators.flatMap((estimator) => {
    const variants = estimator.name.startsWith('renyi/')
      ? estimator.variants.slice(0, 1)
      : estimator.variants;
    const needs =
      variants.length === 0 ? [estimator.needs] : variants.map((each) => [...estimator.needs, ...each.needs]);
    return needs.flatMap((all, i) =>
      missingNeeds(all, family, dimensions).length > 0
        ? []
        : [
            isRenyi(estimator.name) || variants.length === 0
              ? estimator.name
              : `${estimator.name}:${variants[i].name}`,
          ],
    );
  });
}

export const isRenyi = (name: string): boolean => name.startsWith('renyi/');

/** The estimator of these settings. An order is any number but 0 and 1, where the bound has no such form. */
export function choiceOf({ estimator, order }: FitSettings): EstimatorChoice {
  const choice = chooseEstimator(estimator);
  if (!isRenyi(estimator)) return choice;
  const variant = String(safeOrder(order));
  return {
    ...choice,
    name: `${estimator}:${variant}`,
    variant,
    loss: (input) => choice.estimator.loss(input, variant),
  };
}

/** Keeps away from 0 and 1. */
export function safeOrder(order: number): number {
  for (const hole of [0, 1]) if (Math.abs(order - hole) < 0.05) return hole + (order < hole ? -0.05 : 0.05);
  return order;
}
