// Divergences over the box as the library computes them, beside their definitions by another rule.
import type { Device, Update } from '../../src/device.ts';
import { distributionFamily } from '../../src/distributions/registry.ts';
import { chooseEstimator } from '../../src/divergences/registry.ts';
import { softplus } from '../../src/math/special.ts';
import { type QualityTarget, recordTarget, targetInputs } from '../../src/quality/problem.ts';
import { grad } from '../../src/tape/index.ts';
import { type Place, policyDensities, reference } from '../helpers/box-reference.ts';

export interface Case {
  readonly family: string;
  readonly head: readonly number[];
  readonly target: QualityTarget;
  readonly temperature: number;
}

export interface Computed {
  readonly value: number;
  readonly gradient: readonly number[];
  /** What `quadratureError` says. */
  readonly claimed: number;
}

/** Computes estimators on one device; each is compiled once for a family and a number of coordinates. */
export class ExactPrograms {
  private readonly compiled = new Map<string, Promise<Update>>();
  constructor(private readonly device: Device) {}

  async compute(name: string, { family, head, target, temperature }: Case): Promise<Computed> {
    const key = `${name} ${family} ${target.actions}`;
    const update = await (this.compiled.get(key) ?? this.compile(key, name, family, head.length, target));
    update.write({ head, ...targetInputs(target, temperature) });
    update.run();
    const [value] = await update.read('loss');
    const [claimed] = await update.read('quadratureError');
    return { value, claimed, gradient: Array.from(await update.read('gradient')) };
  }

  private compile(
    key: string,
    name: string,
    family: string,
    parameters: number,
    { actions }: QualityTarget,
  ): Promise<Update> {
    const update = this.device.compile(
      (recorder) => {
        const head = recorder.input('head', [1, parameters]);
        const policy = distributionFamily(family).make(head, actions, { logStd: [-20, 4] });
        const target = recordTarget(recorder, actions);
        const { loss, diagnostics } = chooseEstimator(name).loss({ policy, target, samples: 1 });
        return { loss, gradient: grad(loss, [head])[0], ...diagnostics };
      },
      { seed: 0 },
    );
    this.compiled.set(key, update);
    return update;
  }
}

/** Q of a target at one action, in plain numbers. */
export const qOf =
  ({ height, curvature, centre, slope, actions }: QualityTarget) =>
  (a: readonly number[]): number => {
    const bumps = [0, 1].map(
      (m) =>
        height[m] - 0.5 * curvature[m] * a.reduce((sum, x, i) => sum + (x - centre[m * actions + i]) ** 2, 0),
    );
    const most = Math.max(...bumps);
    const slopes = a.reduce((sum, x, i) => sum + slope[i] * x, 0);
    return most + Math.log(bumps.reduce((sum, x) => sum + Math.exp(x - most), 0)) + slopes;
  };

/** Where a policy has its mass along coordinate i. */
export function placesOf(family: string, head: readonly number[], i: number, d: number): Place[] {
  if (family === 'tanh-gaussian') return [{ centre: head[i], scale: Math.exp(head[d + i]) }];
  if (family === 'beta') {
    const [a, b] = [1 + softplus(head[i]), 1 + softplus(head[d + i])];
    return [{ centre: 0.5 * Math.log(a / b), scale: 0.5 * Math.sqrt(1 / a + 1 / b) }];
  }
  const components = [0, 1, 2, 3].map((m) => ({
    weight: head[m],
    centre: head[4 + m * d + i],
    scale: Math.exp(head[4 + 4 * d + m * d + i]),
  }));
  return d === 1 ? [...components, ...bendsOf(components)] : components;
}

/** Where two components of a mixture are equally likely, and how quickly one gives way to the other. */
function bendsOf(components: readonly (Place & { readonly weight: number })[]): Place[] {
  // Coefficients of log w N as a polynomial in u.
  const powers = components.map(({ weight, centre, scale }) => {
    const half = 0.5 / scale ** 2;
    return [-half, 2 * half * centre, weight - Math.log(scale) - half * centre ** 2];
  });
  const at = ([a, b, c]: readonly number[], u: number) => (a * u + b) * u + c;
  const found: Place[] = [];
  powers.forEach((first, i) => {
    for (const second of powers.slice(i + 1)) {
      const [a, b, c] = first.map((x, k) => x - second[k]);
      const slope = Math.sqrt(b * b - 4 * a * c);
      for (const u of Math.abs(a) < 1e-9 * Math.abs(b)
        ? [-c / b]
        : [-b - slope, -b + slope].map((x) => x / (2 * a))) {
        const isTop = powers.every((other) => at(other, u) < at(first, u) + 1);
        if (Number.isFinite(u) && isTop) found.push({ centre: u, scale: Math.max(1e-6, 1 / slope) });
      }
    }
  });
  return found;
}

/** Value and gradient from the definitions. */
export function expected({ family, head, target, temperature }: Case, names: readonly string[]) {
  const { actions, centre, curvature } = target;
  const places = Array.from({ length: actions }, (_, i) => {
    const own = placesOf(family, head, i, actions);
    const modes = [0, 1].map((m) => {
      const c = centre[m * actions + i];
      const width = Math.sqrt(temperature / Math.max(curvature[m], 1e-9)) / (1 - c * c);
      return { centre: Math.atanh(c), scale: Math.min(0.5, width) };
    });
    const edge = { centre: 0.5 * Math.log(1 + 4 / temperature), scale: 0.5 };
    const middle = [0.5, 0.3 * Math.sqrt(temperature)].map((scale) => ({ centre: 0, scale }));
    // Where π²/p has its peaks: log p falls as 2|u|.
    const far = own.flatMap((place) =>
      [1, -1].map((way) => ({ centre: place.centre + way * place.scale ** 2, scale: place.scale })),
    );
    return [...own, ...modes, edge, ...middle, ...far];
  });
  const reach = Math.max(30, ...places.flat().map((place) => Math.abs(place.centre) + 12 * place.scale));
  return reference(
    {
      density: policyDensities[family],
      ...{ head, q: qOf(target), temperature, places, reach, fineness: 1.5 },
    },
    names,
  );
}

export const norm = (x: readonly number[]): number => Math.hypot(...x);

/**
 * Relative errors of value and gradient. A gradient below 1e-5 of the value or of 1 is nothing that float64 could tell
 * from the difference of the two densities' integrals. A gradient below `least` of the value counts as that large.
 */
export function errorOf(
  found: Computed,
  right: { value: number; gradient: readonly number[] },
  least = 0,
): number {
  const value = Math.abs(found.value - right.value) / Math.abs(right.value);
  const size = norm(right.gradient);
  const slope =
    norm(found.gradient.map((x, j) => x - right.gradient[j])) / Math.max(size, least * Math.abs(right.value));
  return size > 1e-5 * Math.max(1, Math.abs(right.value)) ? Math.max(value, slope) : value;
}
