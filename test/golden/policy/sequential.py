"""A Gaussian policy in PyTorch, and the few lines that read and write safetensors files.

sequential.py make FOLDER      writes torch.safetensors (weights of an nn.Sequential) and actions.json (what it does)
sequential.py act FILE FOLDER  prints, as JSON, what the policy of a safetensors file does with the observations of actions.json
"""
import json
import struct
import sys

import numpy as np
import torch

DIMS = [3, 8, 5, 4]
LOW, HIGH = [-2.0, 0.0], [2.0, 1.0]


def network():
    layers = []
    for i, (a, b) in enumerate(zip(DIMS, DIMS[1:])):
        layers += [torch.nn.Linear(a, b)] + ([torch.nn.Tanh()] if i < len(DIMS) - 2 else [])
    return torch.nn.Sequential(*layers)


def save(state, file):
    entries, blobs, end = {}, [], 0
    for name, tensor in state.items():
        data = tensor.detach().numpy().astype("<f4").tobytes()
        entries[name] = {"dtype": "F32", "shape": list(tensor.shape), "data_offsets": [end, end + len(data)]}
        end += len(data)
        blobs.append(data)
    header = json.dumps(entries).encode()
    with open(file, "wb") as out:
        out.write(struct.pack("<Q", len(header)) + header + b"".join(blobs))


def load(file):
    raw = open(file, "rb").read()
    (length,) = struct.unpack("<Q", raw[:8])
    header = json.loads(raw[8 : 8 + length])
    state = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        values = np.frombuffer(raw[begin:end], {"F32": "<f4", "F64": "<f8"}[entry["dtype"]])
        state[name] = torch.from_numpy(values.reshape(entry["shape"]).copy())
    return state


def act(state, observations):
    model = network()
    model.load_state_dict(state)
    with torch.no_grad():
        mean = torch.tanh(model.double()(torch.tensor(observations, dtype=torch.float64))[:, :2])
    low, high = torch.tensor(LOW, dtype=torch.float64), torch.tensor(HIGH, dtype=torch.float64)
    return (low + (mean + 1) / 2 * (high - low)).tolist()


if sys.argv[1] == "make":
    torch.manual_seed(4)
    state = network().state_dict()
    save(state, sys.argv[2] + "/torch.safetensors")
    observations = (3 * torch.randn(6, 3)).tolist()
    with open(sys.argv[2] + "/actions.json", "w") as out:
        json.dump({"observations": observations, "actions": act(load(sys.argv[2] + "/torch.safetensors"), observations)}, out)
        out.write("\n")
else:
    observations = json.load(open(sys.argv[3] + "/actions.json"))["observations"]
    print(json.dumps(act(load(sys.argv[2]), observations)))
