// A distribution of your own: Gumbel(loc, scale), with density, samples by reparameterisation and entropy in closed form.
// Every estimator that needs no more than that takes it.
import {
  adam,
  add,
  boltzmann,
  chooseEstimator,
  type Distribution,
  type DistributionFamily,
  distributionFamily,
  exp,
  gradient,
  log,
  missingNeeds,
  mul,
  neg,
  open,
  randomUniform,
  read,
  reshape,
  State,
  sliceAxis,
  square,
  stopGradient,
  sub,
  sum,
  type Tensor,
} from 'divergrad';

const EULER = 0.5772156649015329;

class Gumbel implements Distribution {
  readonly family = 'gumbel';
  readonly bounded = false;
  readonly batch: number;
  readonly actions: number;

  /** @param loc, logScale [batch, actions] */
  constructor(
    private readonly loc: Tensor,
    private readonly logScale: Tensor,
  ) {
    [this.batch, this.actions] = loc.shape;
  }

  rsample(samples: number, { noise }: { readonly noise?: Tensor } = {}) {
    const u = noise ?? randomUniform([samples, this.batch, this.actions]);
    const actions = sub(this.loc, mul(exp(this.logScale), log(neg(log(u)))));
    return { actions, latent: actions, logProb: this.logProb(actions) };
  }

  sample(samples: number, options?: { readonly noise?: Tensor }) {
    const actions = stopGradient(this.rsample(samples, options).actions);
    return { actions, latent: actions, logProb: this.logProb(actions) };
  }

  /** log p = −z − e^−z − log scale, z = (a − loc)/scale, summed over the coordinates. */
  logProb(actions: Tensor) {
    const z = mul(sub(actions, this.loc), exp(neg(this.logScale)));
    return sum(sub(sub(neg(z), exp(neg(z))), this.logScale), -1);
  }

  logProbLatent(latent: Tensor) {
    return this.logProb(latent);
  }

  /** log scale + γ + 1, summed over the coordinates. */
  readonly entropy = () => sum(add(this.logScale, EULER + 1), -1);

  mode() {
    return this.loc;
  }

  detach() {
    return new Gumbel(stopGradient(this.loc), stopGradient(this.logScale));
  }
}

const gumbel: DistributionFamily = {
  name: 'gumbel',
  title: 'Gumbel',
  capabilities: {
    ...distributionFamily('logistic').capabilities, // a box without bounds, reparameterisable, with a density
  },
  parameters: (actions) => 2 * actions,
  make: (head, actions) =>
    new Gumbel(sliceAxis(head, -1, 0, actions), sliceAxis(head, -1, actions, 2 * actions)),
};

// Fitted to exp(Q/α) with Q = −a²/2 and α = 1, a standard normal.
const estimator = chooseEstimator('reverse-kl/pathwise');
console.log('missing needs:', missingNeeds(estimator.needs, gumbel));
const head = new State('head', [1, 2], Float32Array.of(2, 1));
const optimiser = adam(head, { learningRate: 0.02 });
const device = await open({ backend: 'wasm' });
const update = await device.compile(() => {
  const policy = gumbel.make(read(head), 1);
  const critics = (a: Tensor) => reshape(mul(-0.5, sum(square(a), -1)), [1, ...a.shape.slice(0, -1)]);
  const { loss } = estimator.loss({ policy, target: boltzmann(critics, { temperature: 1 }), samples: 256 });
  optimiser.step(gradient(loss, head));
  return { loss };
});
update.run(1000);
const [loc, logScale] = await device.read(head);
await device.dispose();
const scale = Math.exp(logScale);
console.log(`loc ${loc.toFixed(2)}, scale ${scale.toFixed(2)}`);

// KL = −log scale − γ − 1 + E[a²]/2 + …; with E[a] = loc + γ scale and Var a = π² scale²/6 it is least at
// loc = −γ scale and scale = √6/π.
if (!(Math.abs(scale - Math.sqrt(6) / Math.PI) < 0.06 && Math.abs(loc + EULER * scale) < 0.08))
  throw new Error(
    `The optimum is loc ${(-EULER * Math.sqrt(6)) / Math.PI}, scale ${Math.sqrt(6) / Math.PI}.`,
  );
