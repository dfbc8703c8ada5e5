// An actor-critic of your own from the parts: a replay buffer on the device, twin critics with a target, any estimator of
// the policy's loss. The task is a bandit whose reward is 1 − (a − s)²: the best action is the state itself.
import {
  adam,
  boltzmann,
  broadcastTo,
  chooseEstimator,
  distributionFamily,
  gradient,
  mean,
  mlp,
  open,
  ReplayBuffer,
  reshape,
  square,
  sub,
  type Tensor,
} from 'divergrad';

const [batch, samples] = [64, 8];
const family = distributionFamily('tanh-gaussian');
const estimator = chooseEstimator('reverse-kl/pathwise');
const policy = mlp({ name: 'policy', inputs: 1, hidden: [32, 32], outputs: family.parameters(1), seed: 1 });
// Two critics side by side on the inputs state and action: [2, batch, 1].
const critics = mlp({ name: 'critics', inputs: 2, hidden: [32, 32], outputs: 1, nets: 2, seed: 2 });
const policyOptimiser = adam(policy.parameters, { learningRate: 3e-3 });
const criticOptimiser = adam(critics.parameters, { learningRate: 3e-3 });

const device = await open({ backend: 'wasm' });
const replay = new ReplayBuffer({ capacity: 1000, observations: 1, actions: 1 });
for (let i = 0; i < 1000; i++) {
  // Random states and actions; low-discrepancy, so that a run needs no seed.
  const [state, action] = [1.6 * ((i * 0.754877666) % 1) - 0.8, 2 * ((i * 0.569840291) % 1) - 1];
  const reward = 1 - (action - state) ** 2;
  replay.add(device, {
    observation: [state],
    action: [action],
    reward,
    terminated: true,
    nextObservation: [state],
  });
}

const update = await device.compile(() => {
  const { states, actions, rewards } = replay.sample(batch);
  // Critics: the reward itself, since every episode ends after one step.
  const q = reshape(critics(states, actions), [2, batch]);
  const criticLoss = mean(square(sub(q, rewards)));
  criticOptimiser.step(gradient(criticLoss, critics.parameters));
  // Policy: the estimator asks for critics at its own actions, [samples, batch, actions] → [critics, samples, batch].
  const at = (chosen: Tensor) => {
    const wide = broadcastTo(states, [chosen.shape[0], batch, 1]);
    return reshape(critics(wide, chosen), [2, chosen.shape[0], batch]);
  };
  const { loss } = estimator.loss({
    policy: family.make(policy(states), 1),
    target: boltzmann(at, { temperature: 0.02 }),
    samples,
  });
  policyOptimiser.step(gradient(loss, policy.parameters));
  return { criticLoss, loss };
});
update.run(1200);
console.log(`critic loss ${(await update.readScalar('criticLoss')).toExponential(1)}`);

const act = await device.compile(({ input }) => ({
  action: family.make(policy(input('state', [5, 1])), 1).mode(),
}));
const states = [-0.6, -0.3, 0, 0.3, 0.6];
act.write({ state: states });
act.run();
const chosen = await act.read('action');
await device.dispose();
states.forEach((state, i) => {
  console.log(`state ${state}: action ${chosen[i].toFixed(2)}`);
  if (!(Math.abs(chosen[i] - state) < 0.15)) throw new Error(`At ${state} the policy takes ${chosen[i]}.`);
});
