import {
  add,
  clamp,
  div,
  exp,
  mul,
  type Operand,
  sliceAxis,
  stopGradient,
  sub,
  sum,
  type Tensor,
} from '../tape/index.ts';
import { noiseOf, requireAlike, requireEvents } from './checks.ts';
import type { Distribution, FamilyOptions, Sample, SampleOptions } from './distribution.ts';
import { defaultLogStd } from './entropy-range.ts';

/** A standard distribution on the line, which location and scale carry to any other of its family. */
export interface Standard {
  readonly family: string;
  /** Standard variates z [samples, batch, actions] from the family's noise. */
  variates(noise: Tensor): Tensor;
  /** Fresh noise of that shape. */
  noise(shape: readonly number[]): Tensor;
  /** log-density in nats at z, elementwise */
  logDensity(z: Tensor): Tensor;
  /** entropy in nats of the standard distribution, where closed; a tensor [batch, actions] where it has parameters */
  readonly entropy?: Operand;
  /** KL(first ‖ second) elementwise, where closed */
  kl?(first: LocationScale, second: LocationScale): Tensor;
}

/**
 * Independent coordinates a = loc + e^logScale·z. Head: loc beside log-scale, [batch, 2·actions].
 * log-density: Σ log f((a − loc)e^−logScale) − logScale.
 */
export class LocationScale implements Distribution {
  readonly family: string;
  readonly bounded = false;
  readonly batch: number;
  readonly actions: number;
  /** [batch, actions], limited to its bounds */
  readonly logScale: Tensor;

  constructor(
    private readonly standard: Standard,
    readonly loc: Tensor,
    rawLogScale: Tensor,
    private readonly options: FamilyOptions = {},
  ) {
    this.family = standard.family;
    [this.batch, this.actions] = loc.shape;
    const [low, high] = options.logStd ?? defaultLogStd;
    this.logScale = clamp(rawLogScale, low, high);
  }

  static ofHead(standard: Standard, head: Tensor, actions: number, options?: FamilyOptions): LocationScale {
    const [loc, scale] = [sliceAxis(head, 1, 0, actions), sliceAxis(head, 1, actions, 2 * actions)];
    return new LocationScale(standard, loc, scale, options);
  }

  sample(samples: number, options: SampleOptions = {}): Sample {
    const drawn = stopGradient(this.draw(samples, options).actions);
    return { actions: drawn, latent: drawn, logProb: this.logProb(drawn) };
  }

  rsample(samples: number, options: SampleOptions = {}): Sample {
    const { actions, z } = this.draw(samples, options);
    // At its own sample the density depends on the parameters through the scale alone.
    return { actions, latent: actions, logProb: sum(sub(this.standard.logDensity(z), this.logScale), -1) };
  }

  logProb(actions: Tensor): Tensor {
    const z = div(sub(requireEvents(this, actions), this.loc), exp(this.logScale));
    return sum(sub(this.standard.logDensity(z), this.logScale), -1);
  }

  logProbLatent(latent: Tensor): Tensor {
    return this.logProb(latent);
  }

  get entropy(): (() => Tensor) | undefined {
    const constant = this.standard.entropy;
    return constant === undefined ? undefined : () => sum(add(this.logScale, constant), -1);
  }

  mode(): Tensor {
    return this.loc;
  }

  /** Closed form where the family has one; `undefined` otherwise. */
  get kl(): ((other: Distribution) => Tensor) | undefined {
    const { kl } = this.standard;
    return kl && ((other) => sum(kl(this, requireAlike<LocationScale>(this, other)), -1));
  }

  detach(): LocationScale {
    return new LocationScale(
      this.standard,
      stopGradient(this.loc),
      stopGradient(this.logScale),
      this.options,
    );
  }

  private draw(samples: number, options: SampleOptions): { actions: Tensor; z: Tensor } {
    const z = this.standard.variates(noiseOf(this, samples, options, this.standard.noise));
    return { actions: add(this.loc, mul(exp(this.logScale), z)), z };
  }
}
