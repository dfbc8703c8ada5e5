// What an estimator's mean follows, on nodes: the target normalised on them, and sums in place of integrals.
import type { Point, Whole } from '../divergences/objective.ts';
import type { Nodes } from './nodes.ts';

/**
 * Points of some of the nodes at a temperature, with the target normalised on them.
 *
 * @param part which nodes take part
 * @param logFactor of their volumes, where they stand for others too
 */
export function wholeOf(
  nodes: Nodes,
  temperature: number,
  part?: Uint8Array,
  logFactor = 0,
): Whole & { at(node: number): Point } {
  const { count, logVolume, logPolicy, q } = nodes;
  const used = (n: number) => part === undefined || part[n] === 1;
  let most = -Infinity;
  for (let n = 0; n < count; n++) if (used(n)) most = Math.max(most, q[n]);
  let total = 0;
  for (let n = 0; n < count; n++)
    if (used(n)) total += Math.exp(logVolume[n] + logFactor + (q[n] - most) / temperature);
  const logNormaliser = Math.log(total) + most / temperature;
  const at = (n: number): Point => {
    const logTarget = q[n] / temperature - logNormaliser;
    return {
      logPolicy: logPolicy[n],
      logTarget,
      logBehaviour: nodes.logBehaviour[n],
      logReference: nodes.logReference[n],
      logR: logTarget - logPolicy[n],
      q: q[n],
    };
  };
  const integral = (density: (point: Point) => number): number => {
    let sum = 0;
    for (let n = 0; n < count; n++) if (used(n)) sum += Math.exp(logVolume[n] + logFactor) * density(at(n));
    return sum;
  };
  return { temperature, integral, at };
}
