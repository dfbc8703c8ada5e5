# PyTorch's contestant: one JSON message a line on standard input, one answer a line on standard output.
import base64
import ctypes
import json
import os
import sys
import time

# Standard output belongs to the answers, whatever a library prints.
answers = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)

import torch
from torch import nn
from torch.nn import functional as F


def blas():
    """The BLAS library in use, its core type and version, as far as they can be told."""
    with open("/proc/self/maps") as maps:
        paths = {line.split()[-1] for line in maps if "blas" in line and line.rstrip().endswith(tuple("0123456789o"))}
    for path in sorted(paths):
        if "openblas" in os.path.realpath(path):
            library = ctypes.CDLL(path)
            try:
                library.openblas_get_config.restype = ctypes.c_char_p
                library.openblas_get_corename.restype = ctypes.c_char_p
                version = library.openblas_get_config().decode().split()[1]
                return f"OpenBLAS {version}, core {library.openblas_get_corename().decode()}"
            except AttributeError:
                return "OpenBLAS"
    return ", ".join(sorted(os.path.basename(os.path.realpath(path)) for path in paths)) or "no BLAS found"


class Sac:
    """The update, written as PyTorch users write it."""

    def __init__(self, message):
        self.rates = message["rates"]
        self.dtype = torch.float64 if message["double"] else torch.float32
        self.actions = message["actions"]
        rates = self.rates
        self.policy = self.network(message["networks"]["policy"])
        self.critics = nn.ModuleList(self.network(layers) for layers in message["networks"]["critics"])
        self.targets = nn.ModuleList(self.network(layers) for layers in message["networks"]["critics"])
        for parameter in self.targets.parameters():
            parameter.requires_grad_(False)
        adam = dict(lr=rates["learningRate"], betas=(rates["beta1"], rates["beta2"]), eps=rates["epsilon"])
        self.policy_parameters = list(self.policy.parameters())
        self.critic_parameters = list(self.critics.parameters())
        self.target_parameters = list(self.targets.parameters())
        self.policy_optimiser = torch.optim.Adam(self.policy_parameters, **adam)
        self.critic_optimiser = torch.optim.Adam(self.critic_parameters, **adam)
        batch = message["batch"]
        self.data = {
            name: self.tensor(values).reshape(batch, -1).squeeze(1) if name in ("rewards", "terminated")
            else self.tensor(values).reshape(batch, -1)
            for name, values in message["data"].items()
        }

    def tensor(self, text):
        return torch.frombuffer(bytearray(base64.b64decode(text)), dtype=torch.float32).to(self.dtype)

    def network(self, layers):
        modules = []
        for index, layer in enumerate(layers):
            linear = nn.Linear(layer["inputs"], layer["outputs"], dtype=self.dtype)
            with torch.no_grad():
                linear.weight.copy_(self.tensor(layer["weight"]).reshape(layer["inputs"], layer["outputs"]).T)
                linear.bias.copy_(self.tensor(layer["bias"]))
            modules += [linear] if index == len(layers) - 1 else [linear, nn.ReLU()]
        return nn.Sequential(*modules)

    def sample(self, states, noise):
        """Squashed actions and their log-density, reparameterised."""
        rates = self.rates
        mean, log_std = self.policy(states).chunk(2, dim=-1)
        log_std = log_std.clamp(rates["logStdMin"], rates["logStdMax"])
        latent = mean + log_std.exp() * noise
        density = -0.5 * noise * noise - log_std - 0.9189385332046727
        volume = 2 * (0.6931471805599453 - latent - F.softplus(-2 * latent))
        return latent.tanh(), (density - volume).sum(-1)

    def values(self, critics, states, actions):
        inputs = torch.cat([states, actions], dim=-1)
        return [critic(inputs).squeeze(-1) for critic in critics]

    def update(self):
        rates, data = self.rates, self.data
        with torch.no_grad():
            next_actions, next_log_prob = self.sample(data["nextStates"], data["nextNoise"])
            next_value = torch.minimum(*self.values(self.targets, data["nextStates"], next_actions))
            soft = next_value - rates["temperature"] * next_log_prob
            target = data["rewards"] + rates["discount"] * (1 - data["terminated"]) * soft
        critic_loss = sum(F.mse_loss(q, target) for q in self.values(self.critics, data["states"], data["actions"]))
        self.critic_optimiser.zero_grad(set_to_none=True)
        critic_loss.backward(inputs=self.critic_parameters)
        self.critic_optimiser.step()

        actions, log_prob = self.sample(data["states"], data["policyNoise"])
        value = torch.minimum(*self.values(self.critics, data["states"], actions))
        policy_loss = (log_prob - value / rates["temperature"]).mean()
        self.policy_optimiser.zero_grad(set_to_none=True)
        # Only the policy's gradients: those of the critics' weights are not computed.
        policy_loss.backward(inputs=self.policy_parameters)
        self.policy_optimiser.step()

        with torch.no_grad():
            torch._foreach_mul_(self.target_parameters, 1 - rates["tau"])
            torch._foreach_add_(self.target_parameters, self.critic_parameters, alpha=rates["tau"])
        self.last = (critic_loss, policy_loss)

    def losses(self):
        critic_loss, policy_loss = self.last
        return {"criticLoss": critic_loss.item(), "policyLoss": policy_loss.item()}


sac = None
facts = None


def answer(message):
    global sac, facts
    method = message["method"]
    if method == "open":
        threads = message["threads"] or torch.get_num_threads()
        torch.set_num_threads(threads)
        start = time.perf_counter()
        sac = Sac(message)
        sac.update()
        facts = {
            "version": torch.__version__,
            "description": f"eager, {'float64' if message['double'] else 'float32'}, {blas()}",
            "threads": threads,
            "firstUpdateMs": 1000 * (time.perf_counter() - start),
        }
        return facts
    if method == "facts":
        return facts
    if method == "check":
        all = [sac.losses()]
        for _ in range(message["updates"] - 1):
            sac.update()
            all.append(sac.losses())
        return all
    if method == "time":
        start = time.perf_counter()
        for _ in range(message["updates"]):
            sac.update()
        return 1000 * (time.perf_counter() - start)
    if method == "counts":
        return None
    if method == "close":
        return None
    raise ValueError(f"unknown method {method}")


for line in sys.stdin:
    message = json.loads(line)
    try:
        result = {"result": answer(message)}
    except Exception as error:  # reported by name, whatever it is
        result = {"error": f"{type(error).__name__}: {error}"}
    answers.write(f"@@peers {json.dumps(result)}\n")
    answers.flush()
    if message["method"] == "close":
        break
