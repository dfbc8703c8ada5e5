"""Makes the traces of this folder: whole training runs, computed without the library.

Written from the papers and from what the library's documentation says; see README.md. Needs Python 3, NumPy and
PyTorch (for automatic differentiation only). Arithmetic is float64 on one thread; float32 is only what the library
stores as float32: observations, actions, rows of the replay buffer, initial values.

    python3 trace.py [name ...]
"""

import json
import math
import os
import sys

import numpy as np
import torch

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
f32 = np.float32

# ---------------------------------------------------------------------------------------------------------------------
# Streams: where every random number of the library comes from. When the library renames a stream, change it here alone.
# ---------------------------------------------------------------------------------------------------------------------

# Number of each purpose: a part of the key, beside the seed.
PURPOSES = {
    "policy": 2, "critics": 3, "value": 4, "update": 6, "act": 7, "warmup": 8,
    "trainingStarts": 9, "evaluationStarts": 10, "environment": 11,
}
HOST_MARK = 0xFFFFFFFF
# Number of a draw within the device's program. `policy`: the samples of the policy's loss. `entropy`: a sample for the
# entropy alone, where the loss has none of the policy.
DRAWS = {"act": 0, "batch": 0, "next": 1, "policy": 2, "entropy": 3}


def key_of(seed, purpose):
    """A seed has 53 bits; the purpose takes the 11 that are left."""
    return (seed % 2**32, (seed >> 32) + (PURPOSES[purpose] << 21))


def host_counter(block, index):
    return (block % 2**32, block >> 32, index, HOST_MARK)


def device_counter(block, clock, draw):
    """`clock` counts the earlier runs of the program, an update or a choice of actions."""
    return (block, clock, DRAWS[draw], 0)


def drawn_seed(seed, purpose, index, nth=0):
    """53 bits of a stream: 21 of one word, 32 of the next."""
    stream = Host(seed, purpose, index, 2 * nth)
    high = stream.word() >> 11
    return (high << 32) + stream.word()


def start_seed(seed, index):
    """Seed of the starts of environment `index` of a run."""
    return drawn_seed(seed, "trainingStarts", index)


def evaluation_seeds(seed, step, episodes):
    return [drawn_seed(seed, "evaluationStarts", step, i) for i in range(episodes)]


def philox(counters, key):
    """Philox 4x32-10 (Salmon et al. 2011) of counters [n, 4] -> words [n, 4]."""
    c = np.asarray(counters, dtype=np.uint64)
    x0, x1, x2, x3 = (c[:, i].copy() for i in range(4))
    k0, k1 = key
    low = np.uint64(0xFFFFFFFF)
    for _ in range(10):
        p0, p1 = x0 * np.uint64(0xD2511F53), x2 * np.uint64(0xCD9E8D57)
        x0, x1, x2, x3 = (
            (p1 >> np.uint64(32)) ^ x1 ^ np.uint64(k0),
            p1 & low,
            (p0 >> np.uint64(32)) ^ x3 ^ np.uint64(k1),
            p0 & low,
        )
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return np.stack([x0, x1, x2, x3], axis=1)


class Host:
    """Numbers one after the other, from word `position` of a stream on."""

    def __init__(self, seed, purpose, index=0, position=0):
        self.key, self.index, self.position = key_of(seed, purpose), index, position

    def word(self):
        block, lane = divmod(self.position, 4)
        self.position += 1
        return int(philox([host_counter(block, self.index)], self.key)[0, lane])

    def uniform(self, low, high):
        """53 random bits: 27 of one word, 26 of the next."""
        bits = (self.word() >> 5) * 2**26 + (self.word() >> 6)
        return low + (high - low) * (bits / 2**53)

    def below(self, n):
        return self.word() * n >> 32


class Device:
    """Numbers by their place: element, clock and draw."""

    def __init__(self, seed, purpose):
        self.key, self.clock = key_of(seed, purpose), 0

    def words(self, count, draw):
        blocks = [device_counter(i, self.clock, draw) for i in range((count + 3) // 4)]
        return philox(blocks, self.key).reshape(-1)[:count]

    def below(self, n, count, draw):
        return (self.words(count, draw) * np.uint64(n)) >> np.uint64(32)

    def uniform(self, shape, draw):
        """Within (0, 1): 23 high bits and a half."""
        count = int(np.prod(shape))
        return torch.tensor(((self.words(count, draw) >> np.uint64(9)) + 0.5) / 2**23).reshape(shape)

    def normal(self, shape, draw):
        """Box and Muller 1958: each pair of uniforms gives a pair."""
        count = int(np.prod(shape))
        u = self.uniform([count + count % 2], draw).reshape(-1, 2)
        radius, angle = torch.sqrt(-2 * torch.log(u[:, 0])), 2 * math.pi * u[:, 1]
        pairs = torch.stack([radius * torch.cos(angle), radius * torch.sin(angle)], dim=1)
        return pairs.reshape(-1)[:count].reshape(shape)


# ---------------------------------------------------------------------------------------------------------------------
# Environments
# ---------------------------------------------------------------------------------------------------------------------


class Pendulum:
    """Gymnasium's Pendulum-v1."""

    observations, box, limit = 3, ([-2.0], [2.0]), 200

    def start(self, random):
        self.angle, self.speed = random.uniform(-math.pi, math.pi), random.uniform(-1, 1)

    def advance(self, action):
        torque = min(2.0, max(-2.0, action[0]))
        wrapped = (self.angle + math.pi) % (2 * math.pi) - math.pi
        reward = -(wrapped**2 + 0.1 * self.speed**2 + 0.001 * torque**2)
        self.speed = min(8.0, max(-8.0, self.speed + (15 * math.sin(self.angle) + 3 * torque) * 0.05))
        self.angle += self.speed * 0.05
        return reward, False

    def seen(self):
        return [math.cos(self.angle), math.sin(self.angle), self.speed]


class CartPole:
    """Gymnasium's CartPole-v1."""

    observations, choices, limit = 4, 2, 500

    def start(self, random):
        self.state = [random.uniform(-0.05, 0.05) for _ in range(4)]

    def advance(self, action):
        x, dx, angle, spin = self.state
        force = 10.0 if action[0] == 1 else -10.0
        c, s = math.cos(angle), math.sin(angle)
        push = (force + 0.05 * spin**2 * s) / 1.1
        turn = (9.8 * s - c * push) / (0.5 * (4 / 3 - 0.1 * c**2 / 1.1))
        self.state = [x + 0.02 * dx, dx + 0.02 * (push - 0.05 * turn * c / 1.1), angle + 0.02 * spin, spin + 0.02 * turn]
        return 1.0, abs(self.state[0]) > 2.4 or abs(self.state[2]) > 12 * 2 * math.pi / 360

    def seen(self):
        return self.state


class Slide:
    """Made up, as in loop.test.ts: two coordinates, two actions whose boxes are not symmetric, ends of both kinds."""

    observations, box, limit = 2, ([-1.0, 0.0], [3.0, 0.5]), 6

    def start(self, random):
        self.x, self.y = random.uniform(-0.5, 0.5), random.uniform(-0.2, 0.2)

    def advance(self, action):
        a, b = action
        self.x = 0.9 * self.x + 0.25 * (a - 1)
        self.y = self.y + b - 0.25
        reward = 1 - self.x**2 - self.y**2 - 0.05 * a + 0.3 * b
        return reward, abs(self.x) > 0.9 or abs(self.y) > 0.5

    def seen(self):
        return [self.x, self.y]


ENVIRONMENTS = {"pendulum": Pendulum, "cartpole": CartPole, "slide": Slide}


class Episodes:
    """Episodes of one environment, one after the other out of one stream."""

    def __init__(self, kind):
        self.world = ENVIRONMENTS[kind]()
        self.seeds = []

    def begin(self, seed=None):
        if seed is not None:
            self.random = Host(seed, "environment")
        self.seeds.append(seed)
        self.world.start(self.random)
        self.age = 0
        return np.array(self.world.seen(), dtype=f32)

    def step(self, action):
        reward, terminated = self.world.advance([float(value) for value in action])
        self.age += 1
        return np.array(self.world.seen(), dtype=f32), reward, terminated, self.age >= self.world.limit


# ---------------------------------------------------------------------------------------------------------------------
# Networks, Adam, policies
# ---------------------------------------------------------------------------------------------------------------------

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh}


class Net:
    """Perceptrons side by side. Flat parameters [nets, P]: weights [in, out], then biases, layer by layer."""

    def __init__(self, widths, activation, nets, seed, purpose):
        self.widths, self.activation = widths, ACTIVATIONS[activation]
        values = []
        for net in range(nets):
            random = Host(seed, purpose, net)
            for inputs, outputs in zip(widths, widths[1:]):
                bound = 1 / math.sqrt(inputs)
                values.append([random.uniform(-bound, bound) for _ in range((inputs + 1) * outputs)])
        flat = np.array([value for part in values for value in part], dtype=f32)
        self.parameters = torch.tensor(flat.astype(float)).reshape(nets, -1).requires_grad_()

    def __call__(self, x, parameters=None):
        """x [..., in] -> [nets, ..., out]"""
        flat = self.parameters if parameters is None else parameters
        results = []
        for one in flat:
            h, at = x, 0
            for layer, (inputs, outputs) in enumerate(zip(self.widths, self.widths[1:])):
                weight = one[at : at + inputs * outputs].reshape(inputs, outputs)
                at += inputs * outputs
                h = h @ weight + one[at : at + outputs]
                at += outputs
                if layer < len(self.widths) - 2:
                    h = self.activation(h)
            results.append(h)
        return torch.stack(results)


class Adam:
    """Kingma and Ba 2015, algorithm 1."""

    def __init__(self, parameters, rate):
        self.parameters, self.rate, self.t = parameters, rate, 0
        self.m, self.v = torch.zeros_like(parameters), torch.zeros_like(parameters)

    def step(self, gradient):
        self.t += 1
        with torch.no_grad():
            self.m = 0.9 * self.m + 0.1 * gradient
            self.v = 0.999 * self.v + 0.001 * gradient**2
            m, v = self.m / (1 - 0.9**self.t), self.v / (1 - 0.999**self.t)
            self.parameters -= self.rate * m / (torch.sqrt(v) + 1e-8)

    def moments(self):
        return torch.stack([self.m.reshape(-1), self.v.reshape(-1)])


class Gaussian:
    """Diagonal, with tanh or without; log-std within [-20, 2]. A sample is kept as it is before the tanh."""

    def __init__(self, head, squash):
        self.mean, log_std = head.chunk(2, dim=-1)
        self.log_std, self.squash = log_std.clamp(-20, 2), squash

    @staticmethod
    def outputs(size):
        return 2 * size

    def draw(self, device, draw, samples):
        noise = device.normal([samples, *self.mean.shape], draw)
        return self.mean + torch.exp(self.log_std) * noise

    def action(self, latent):
        return torch.tanh(latent) if self.squash else latent

    def log_prob(self, latent):
        z = (latent - self.mean) * torch.exp(-self.log_std)
        density = -0.5 * z**2 - self.log_std - 0.5 * math.log(2 * math.pi)
        if self.squash:
            # log(1 - tanh(u)^2) = -2 log cosh u
            size = torch.abs(latent)
            density = density + 2 * (size + torch.log1p(torch.exp(-2 * size)) - math.log(2))
        return density.sum(-1)

    def mode(self):
        return self.action(self.mean)


class Categorical:
    """Choices as one-hot vectors, drawn as the largest of logits + Gumbel noise."""

    def __init__(self, head, _squash):
        self.logits = head

    @staticmethod
    def outputs(size):
        return size

    def one_hot(self, scores):
        return torch.nn.functional.one_hot(scores.argmax(-1), self.logits.shape[-1]).to(scores.dtype)

    def draw(self, device, draw, samples):
        u = device.uniform([samples, *self.logits.shape], draw)
        return self.one_hot(self.logits.detach() - torch.log(-torch.log(u)))

    def action(self, latent):
        return latent

    def log_prob(self, latent):
        return (latent * torch.log_softmax(self.logits, -1)).sum(-1)

    def probabilities(self):
        return torch.softmax(self.logits, -1)

    def entropy(self):
        p = self.probabilities()
        return -torch.special.xlogy(p, p).sum(-1)

    def mode(self):
        return self.one_hot(self.logits)


# ---------------------------------------------------------------------------------------------------------------------
# Soft actor-critic (Haarnoja et al. 2018, 1801.01290 and 1812.05905), with losses of the policy to choose from
# ---------------------------------------------------------------------------------------------------------------------


class Learner:
    def __init__(self, settings, observations, size, discrete):
        self.settings, self.discrete, self.size = settings, discrete, size
        self.family = Categorical if discrete else Gaussian
        self.squash = settings["family"] == "tanh-gaussian"
        seed, hidden, activation = settings["learnerSeed"], settings["hidden"], settings["activation"]

        def net(name, inputs, outputs, nets=1):
            return Net([inputs, *hidden, outputs], activation, nets, seed, name)

        rates = settings["learningRates"]
        self.policy = net("policy", observations, self.family.outputs(size))
        self.critics = net("critics", observations + (0 if discrete else size), size if discrete else 1, 2)
        self.target = self.critics.parameters.detach().clone()
        initial = settings["initialTemperature"] if settings["temperature"] == "auto" else settings["temperature"]
        self.log_temperature = torch.tensor(float(f32(math.log(initial))))
        wanted = 0.5 * math.log(size) if discrete else -size
        self.target_entropy = settings.get("targetEntropy", wanted)
        self.optimisers = {
            "policy.parameters": Adam(self.policy.parameters, rates["policy"]),
            "critics.parameters": Adam(self.critics.parameters, rates["critics"]),
            "logTemperature": Adam(self.log_temperature, rates["temperature"]),
        }
        self.expected = discrete and settings.get("criticTarget") != "sample"
        # Draws are numbered as they are made: without that of the next action, the next number is the policy's.
        self.policy_draw = "next" if self.expected else "policy"
        self.loss = getattr(self, LOSSES[settings["estimator"]])
        self.value = self.reference = None
        # How often the first of the target critics is the lower one: a trace needs both.
        self.first_is_less = []
        if settings["estimator"] == "reverse-kl/score:value":
            self.value = net("value", observations, 1)
            self.optimisers["value.parameters"] = Adam(self.value.parameters, rates["policy"])
        self.duals = {}
        if settings["estimator"] == "mpo/decoupled":
            # A copy of the policy at first.
            self.reference = net("policy", observations, self.family.outputs(size))
            self.reference.parameters.requires_grad_(False)
            # All start from 1.
            self.duals = {name: torch.tensor(0.0, requires_grad=True) for name in ["eta", "lambdaMean", "lambdaCovariance"]}
            for name, logarithm in self.duals.items():
                self.optimisers[f"log.{name}"] = Adam(logarithm, rates["policy"])

    def remembers(self):
        """Outputs of the policy that are kept with each transition."""
        return self.family.outputs(self.size) if self.settings["estimator"] == "forward-kl/snis:behaviour" else 0

    def distribution(self, head):
        return self.family(head, self.squash)

    def at(self, states):
        return self.distribution(self.policy(states)[0])

    def soft_q(self, states, actions, parameters=None):
        """Each critic at actions [samples, batch, size] -> [2, samples, batch]"""
        if self.discrete:
            return (self.critics(states, parameters)[:, None] * actions).sum(-1)
        # The environment executes no more than the box, so beyond it Q is that of its faces, less the squared distance
        # to them where the policy's loss asks. Stored actions are within.
        inside = actions.clamp(-1, 1)
        beyond = ((actions - inside) ** 2).sum(-1) if parameters is None else 0
        wide = states.expand(actions.shape[0], *states.shape)
        return self.critics(torch.cat([wide, inside], -1), parameters)[..., 0] - beyond

    def update(self, device, rows):
        settings, temperature = self.settings, torch.exp(self.log_temperature)
        states, actions, rewards, terminated, next_states, heads = rows
        with torch.no_grad():
            ahead = self.at(next_states)
            if self.expected:
                # Christodoulou 2019 (1910.07207): the mean over all choices.
                both = self.critics(next_states, self.target)
                value = (ahead.probabilities() * both.min(0).values).sum(-1) + temperature * ahead.entropy()
            else:
                latent = ahead.draw(device, "next", 1)
                both = self.soft_q(next_states, ahead.action(latent), self.target)
                value = (both.min(0).values - temperature * ahead.log_prob(latent))[0]
            self.first_is_less.append((both[0] < both[1]).double().mean().item())
            # After a termination nothing follows; after a time limit the value does.
            wanted = torch.where(terminated > 0, rewards, rewards + settings["discount"] * value)
        critic_loss = ((self.soft_q(states, actions[None])[:, 0] - wanted) ** 2).mean(1).sum()
        (gradient,) = torch.autograd.grad(critic_loss, [self.critics.parameters])
        self.optimisers["critics.parameters"].step(gradient)
        with torch.no_grad():
            self.target = (1 - settings["tau"]) * self.target + settings["tau"] * self.critics.parameters

        policy = self.at(states)
        result = self.loss(device, states, policy, temperature, {"actions": actions, "heads": heads})
        if self.discrete:
            entropy = policy.entropy().mean().item()
        elif "log_prob" in result:
            entropy = -result["log_prob"].mean().item()
        else:
            entropy = -policy.log_prob(policy.draw(device, "entropy", 1).detach()).mean().item()
        (gradient,) = torch.autograd.grad(result["loss"], [self.policy.parameters])
        duals = torch.autograd.grad(result["dual"], list(self.duals.values())) if self.duals else []
        self.optimisers["policy.parameters"].step(gradient)
        if self.reference is not None:
            with torch.no_grad():
                gap = self.policy.parameters - self.reference.parameters
                self.reference.parameters += settings["tau"] * gap
        for name, gradient in zip(self.duals, duals):
            self.optimisers[f"log.{name}"].step(gradient)
        if self.value is not None:
            error = ((self.value(states)[0, :, 0] - result["ratio"].mean(0)) ** 2).mean()
            (gradient,) = torch.autograd.grad(error, [self.value.parameters])
            self.optimisers["value.parameters"].step(gradient)
        if settings["temperature"] == "auto":
            self.optimisers["logTemperature"].step(torch.tensor(entropy - self.target_entropy))
        device.clock += 1
        self.metrics = {
            "criticLoss": critic_loss.item(),
            "policyLoss": result.get("shown", result["loss"]).item(),
            "entropy": entropy,
            "temperature": temperature.item(),
            **result.get("more", {}),
        }

    def pathwise(self, device, states, policy, temperature, _kept):
        """KL(policy || p), reparameterised."""
        latent = policy.draw(device, self.policy_draw, self.settings["samples"])
        log_prob = policy.log_prob(latent)
        density = self.soft_q(states, policy.action(latent)).min(0).values / temperature
        return {"loss": (log_prob - density).mean(), "log_prob": log_prob}

    def score(self, device, states, policy, temperature, _kept):
        """KL(policy || p) by its score function, with a learned baseline."""
        latent = policy.draw(device, self.policy_draw, self.settings["samples"]).detach()
        log_prob = policy.log_prob(latent)
        with torch.no_grad():
            ratio = log_prob - self.soft_q(states, policy.action(latent)).min(0).values / temperature
            weight = ratio - self.value(states)[0, :, 0]
        return {"loss": (weight * log_prob).mean(), "shown": ratio.mean(), "log_prob": log_prob, "ratio": ratio}

    def snis(self, device, states, policy, temperature, kept):
        """KL(p || policy), samples of the policy of then weighted by p over their density."""
        with torch.no_grad():
            then = self.distribution(kept["heads"])
            latent = then.draw(device, self.policy_draw, self.settings["samples"])
            density = self.soft_q(states, then.action(latent)).min(0).values / temperature
            weight = torch.softmax(density - then.log_prob(latent), 0)
        loss = -(weight * policy.log_prob(latent)).sum(0).mean()
        return {"loss": loss, "more": {"effectiveSampleSize": (1 / (weight**2).sum(0)).mean().item()}}

    def awr(self, device, states, policy, temperature, kept):
        """KL(p || policy) on the actions of the buffer, weighted by their advantage (Peng et al. 2019)."""
        latent = policy.draw(device, self.policy_draw, self.settings["samples"]).detach()
        log_prob = policy.log_prob(latent)
        with torch.no_grad():
            value = self.soft_q(states, policy.action(latent)).min(0).values.mean(0)
            advantage = self.soft_q(states, kept["actions"][None]).min(0).values[0] - value
            weight = torch.exp(advantage / temperature).clamp(max=20)
            # The largest float32 below 1, so that the inverse of tanh is finite.
            before_tanh = torch.atanh(kept["actions"].clamp(-1 + 2**-24, 1 - 2**-24))
        loss = -(weight * policy.log_prob(before_tanh)).mean()
        return {"loss": loss, "log_prob": log_prob, "more": {"meanWeight": weight.mean().item()}}

    def mpo(self, device, states, policy, _temperature, _kept):
        """Abdolmaleki et al. 2018 (1806.06920, 1812.02256), mean and spread apart, samples of the slow policy."""
        samples, within = self.settings["samples"], {"kl": 0.1, "mean": 0.05, "covariance": 0.001}
        eta, for_mean, for_spread = (torch.exp(logarithm) for logarithm in self.duals.values())
        with torch.no_grad():
            old = self.distribution(self.reference(states)[0])
            latent = old.draw(device, self.policy_draw, samples)
            q = self.soft_q(states, old.action(latent)).min(0).values
            weight = torch.softmax(q / eta, 0)
        # KL(old || new), by the mean and by the spread.
        moved = (0.5 * ((policy.mean - old.mean) / torch.exp(old.log_std)) ** 2).sum(-1).mean()
        ratio = torch.exp(2 * (old.log_std - policy.log_std))
        spread = (0.5 * (ratio - 1 - torch.log(ratio))).sum(-1).mean()
        fit = 0
        for mean, log_std in [(policy.mean, old.log_std), (old.mean, policy.log_std)]:
            one = self.distribution(torch.cat([mean, log_std], -1))
            fit = fit - (weight * one.log_prob(latent)).sum(0).mean()
        loss = fit + for_mean.detach() * moved + for_spread.detach() * spread
        dual = eta * (within["kl"] + (torch.logsumexp(q / eta, 0) - math.log(samples)).mean())
        dual = dual + for_mean * (within["mean"] - moved.detach()) + for_spread * (within["covariance"] - spread.detach())
        more = {
            "effectiveSampleSize": (1 / (weight**2).sum(0)).mean().item(),
            "klMean": moved.item(),
            "klCovariance": spread.item(),
            "eta": eta.item(),
        }
        return {"loss": loss, "dual": dual, "more": more}

    def states(self):
        """Every array of the learner, by the name it has in a checkpoint."""
        arrays = {name: optimiser.parameters for name, optimiser in self.optimisers.items()}
        moments = {f"{name}.moments": optimiser.moments() for name, optimiser in self.optimisers.items()}
        if self.settings["temperature"] != "auto":
            del moments["logTemperature.moments"]
        slow = {} if self.reference is None else {"reference.parameters": self.reference.parameters}
        return {**arrays, **slow, "targetCritics.parameters": self.target, **moments}


LOSSES = {
    "reverse-kl/pathwise": "pathwise",
    "reverse-kl/score:value": "score",
    "forward-kl/snis:behaviour": "snis",
    "forward-kl/awr:exp-clip": "awr",
    "mpo/decoupled": "mpo",
}


# ---------------------------------------------------------------------------------------------------------------------
# The loop
# ---------------------------------------------------------------------------------------------------------------------


class Run:
    def __init__(self, settings):
        self.settings, self.seed = settings, settings["seed"]
        self.places = [Episodes(settings["environment"]) for _ in range(settings["environments"])]
        self.examiners = [Episodes(settings["environment"]) for _ in range(settings["evaluationEpisodes"])]
        world = self.places[0].world
        self.discrete = hasattr(world, "choices")
        self.size = world.choices if self.discrete else len(world.box[0])
        self.learner = Learner(settings, world.observations, self.size, self.discrete)
        self.devices = {name: Device(self.seed, name) for name in ["update", "act"]}
        self.warmup = Host(self.seed, "warmup")
        self.ring = [None] * settings["capacity"]
        self.stored = 0
        self.trace = {"settings": settings, "actions": [], "rewards": [], "ends": [], "evaluations": [], "checkpoints": []}

    def command(self, action):
        """What the environment is given for an action of the learner's: in the box, from [-1, 1], or the index."""
        if self.discrete:
            return [float(np.argmax(action))]
        low, high = self.places[0].world.box
        inside = np.clip(action, -1, 1)
        return [l + (a + 1) / 2 * (h - l) for a, l, h in zip(inside, low, high)]

    def random_action(self):
        if self.discrete:
            chosen = self.warmup.below(self.size)
            return np.array([float(i == chosen) for i in range(self.size)], dtype=f32)
        return np.array([self.warmup.uniform(-1, 1) for _ in range(self.size)], dtype=f32)

    def rows(self):
        return np.array([row for row in self.ring if row is not None])

    def batch(self):
        held = min(self.stored, len(self.ring))
        chosen = self.devices["update"].below(held, self.settings["batch"], "batch")
        rows = torch.tensor(self.rows()[chosen].astype(float))
        n = self.places[0].world.observations
        s, a, r, t, s2, heads = rows.split([n, self.size, 1, 1, n, self.learner.remembers()], dim=1)
        return s, a, r[:, 0], t[:, 0], s2, heads

    def evaluate(self, step, updates):
        seeds = evaluation_seeds(self.seed, step, len(self.examiners))
        returns = []
        for episodes, seed in zip(self.examiners, seeds):
            observation, total, ended = episodes.begin(seed), 0.0, False
            while not ended:
                with torch.no_grad():
                    action = self.learner.at(torch.tensor(observation[None].astype(float))).mode()[0]
                # Not rounded here: this device computes in float64.
                observation, reward, terminated, truncated = episodes.step(self.command(action.numpy()))
                total += reward
                ended = terminated or truncated
            returns.append(total)
        metrics = dict(self.learner.metrics) if updates > 0 else {}
        self.trace["evaluations"].append(
            {"step": step, "updates": updates, "seeds": seeds, "returns": returns, "metrics": metrics}
        )

    def checkpoint(self, step, updates):
        states = {name: value.detach().reshape(-1).tolist() for name, value in self.learner.states().items()}
        self.trace["checkpoints"].append({
            "step": step,
            "updates": updates,
            "warmupWords": self.warmup.position,
            "actionsChosen": self.devices["act"].clock,
            "observations": np.stack(self.seen).astype(float).tolist(),
            "next": self.stored % len(self.ring),
            "rows": self.rows().tolist(),
            "states": states,
        })

    def run(self):
        settings, learner, act = self.settings, self.learner, self.devices["act"]
        count = len(self.places)
        self.seen = seen = [place.begin(start_seed(self.seed, i)) for i, place in enumerate(self.places)]
        updates = 0
        for begun in range(0, settings["steps"], count):
            step = begun + count
            warming = begun < settings["warmup"]
            heads = np.zeros([count, 0], dtype=f32)
            if learner.remembers() or not warming:
                with torch.no_grad():
                    head = learner.policy(torch.tensor(np.stack(seen).astype(float)))[0]
                    policy = learner.distribution(head)
                    chosen = policy.action(policy.draw(act, "act", 1))[0].numpy().astype(f32)
                act.clock += 1
                if learner.remembers():
                    heads = head.numpy().astype(f32)
            if warming:
                chosen = [self.random_action() for _ in self.places]
            for i, place in enumerate(self.places):
                command = np.array(self.command(chosen[i]), dtype=f32)
                following, reward, terminated, truncated = place.step(command)
                # A row knows of terminations only: a time limit is none.
                taken = chosen[i] if self.discrete else np.clip(chosen[i], -1, 1)
                row = [seen[i], taken, [reward, float(terminated)], following, heads[i]]
                self.ring[self.stored % len(self.ring)] = np.concatenate(row).astype(f32)
                self.stored += 1
                self.trace["actions"].append(command.astype(float).tolist())
                self.trace["rewards"].append(reward)
                self.trace["ends"].append(int(terminated) + 2 * int(truncated))
                seen[i] = place.begin() if terminated or truncated else following
            if not warming:
                for _ in range(settings["updatesPerStep"] * count):
                    learner.update(self.devices["update"], self.batch())
                    updates += 1
            if step % settings["evaluateEvery"] == 0 or step == settings["steps"]:
                self.evaluate(step, updates)
            if step // settings["saveEvery"] > begun // settings["saveEvery"]:
                self.checkpoint(step, updates)
        self.trace["resets"] = [place.seeds for place in self.places]
        return self.trace


COMMON = {
    "environments": 1,
    "updatesPerStep": 1,
    "hidden": [8, 8],
    "activation": "relu",
    "discount": 0.97,
    "tau": 0.02,
    "temperature": "auto",
    "initialTemperature": 0.5,
    "samples": 1,
}

CASES = {
    # The ring goes round four times; a time limit; the last evaluation is off the rhythm.
    "pendulum": {
        "environment": "pendulum", "estimator": "reverse-kl/pathwise", "family": "tanh-gaussian",
        "steps": 230, "batch": 8, "capacity": 52, "warmup": 25, "evaluateEvery": 80, "evaluationEpisodes": 2,
        "seed": 11, "learnerSeed": 5, "saveEvery": 115,
        "learningRates": {"policy": 0.002, "critics": 0.004, "temperature": 0.003},
    },
    # Terminations in several environments at different steps; two updates a step; the default target entropy.
    "cartpole": {
        "environment": "cartpole", "estimator": "reverse-kl/score:value", "family": "categorical",
        "steps": 240, "batch": 6, "capacity": 70, "warmup": 30, "evaluateEvery": 90, "evaluationEpisodes": 3,
        "environments": 3, "updatesPerStep": 2, "samples": 4, "activation": "tanh",
        "seed": 3, "learnerSeed": 2**33 + 8, "saveEvery": 120,
        "learningRates": {"policy": 0.003, "critics": 0.002, "temperature": 0.005},
    },
    # Choices whose critics learn from one sampled action.
    "cartpole-sample": {
        "environment": "cartpole", "estimator": "reverse-kl/score:value", "family": "categorical",
        "criticTarget": "sample", "steps": 60, "batch": 6, "capacity": 40, "warmup": 10, "evaluateEvery": 60,
        "evaluationEpisodes": 1, "samples": 2, "seed": 12, "learnerSeed": 3, "saveEvery": 30,
        "learningRates": {"policy": 0.003, "critics": 0.002, "temperature": 0.005},
    },
    # Each environment's own outputs of the policy are kept, also while warming up.
    "behaviour": {
        "environment": "slide", "estimator": "forward-kl/snis:behaviour", "family": "tanh-gaussian",
        "steps": 120, "batch": 5, "capacity": 60, "warmup": 20, "evaluateEvery": 60, "evaluationEpisodes": 1,
        "environments": 3, "hidden": [8], "samples": 5, "targetEntropy": 0.3, "initialTemperature": 2,
        "seed": 2**32 + 9, "learnerSeed": 5, "saveEvery": 60,
        "learningRates": {"policy": 0.01, "critics": 0.002, "temperature": 0.002},
    },
    # An unbounded policy in a box that is not symmetric, so that actions are clipped; both ends of episodes.
    "slide": {
        "environment": "slide", "estimator": "reverse-kl/pathwise", "family": "gaussian",
        "steps": 150, "batch": 7, "capacity": 41, "warmup": 15, "evaluateEvery": 40, "evaluationEpisodes": 3,
        "environments": 2, "samples": 3, "hidden": [8],
        "seed": 21, "learnerSeed": 5, "saveEvery": 50,
        "learningRates": {"policy": 0.004, "critics": 0.003, "temperature": 0.01},
    },
    # Losses on the actions of the buffer.
    "awr": {
        "environment": "slide", "estimator": "forward-kl/awr:exp-clip", "family": "tanh-gaussian",
        "steps": 40, "batch": 6, "capacity": 25, "warmup": 10, "evaluateEvery": 40, "evaluationEpisodes": 1,
        "samples": 2, "hidden": [6], "seed": 6, "learnerSeed": 9, "saveEvery": 20,
        "learningRates": {"policy": 0.01, "critics": 0.005, "temperature": 0.002},
    },
    # A slow copy of the policy, and dual variables; the loss does not depend on the temperature.
    "mpo": {
        "environment": "slide", "estimator": "mpo/decoupled", "family": "tanh-gaussian",
        "steps": 60, "batch": 6, "capacity": 25, "warmup": 10, "evaluateEvery": 30, "evaluationEpisodes": 1,
        "samples": 4, "hidden": [6], "temperature": 0.2, "seed": 5, "learnerSeed": 6, "saveEvery": 30,
        "learningRates": {"policy": 0.01, "critics": 0.005, "temperature": 0.002},
    },
    # So large a batch that the losses are not those of the fused kernels; a fixed temperature.
    "large-batch": {
        "environment": "slide", "estimator": "reverse-kl/pathwise", "family": "tanh-gaussian",
        "steps": 34, "batch": 16385, "capacity": 30, "warmup": 31, "evaluateEvery": 34, "evaluationEpisodes": 2,
        "temperature": 0.2, "hidden": [5],
        "seed": 4, "learnerSeed": 5, "saveEvery": 17,
        "learningRates": {"policy": 0.01, "critics": 0.01, "temperature": 0.01},
    },
}


def rounded(value):
    """13 digits are more than the two computations agree in."""
    if isinstance(value, float):
        return float(f"{value:.13g}")
    if isinstance(value, list):
        return [rounded(each) for each in value]
    if isinstance(value, dict):
        return {name: rounded(each) for name, each in value.items()}
    return value


def main():
    folder = os.path.dirname(os.path.abspath(__file__))
    for name in sys.argv[1:] or CASES:
        run = Run({**COMMON, **CASES[name]})
        trace = run.run()
        share = np.mean(run.learner.first_is_less)
        assert 0.1 < share < 0.9, f"{name}: one of the critics is the lower one in {share} of the rows"
        with open(os.path.join(folder, f"{name}.json"), "w") as file:
            json.dump(rounded(trace), file, separators=(",", ":"))
            file.write("\n")
        ends = trace["ends"]
        print(name, f"critics {share:.2f},", f"{len(ends)} steps,", f"{sum(e & 1 for e in ends)} terminated,", f"{sum(e > 1 for e in ends)} truncated")


main()
