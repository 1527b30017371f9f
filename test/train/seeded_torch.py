"""Batches and weights of PyTorch that follow from names alone, in float64, as test/seeded-weights.ts has them, and goldens as text."""

import math

import numpy as np
import torch
from seeded_numbers import uniform


def tensor(values, shape):
    return torch.from_numpy(values.astype(np.float32).reshape(tuple(shape))).double()


def batch(name, shape):
    return tensor(uniform(name, math.prod(shape)), shape)


def seeded(net):
    """The network in float64, with the seeded value of every parameter."""
    net.double()
    names = dict(net.named_buffers())
    for name, parameter in net.named_parameters():
        owner, part = name.rpartition(".")[::2]
        u = uniform(name, parameter.numel())
        signed = 2 * u - 1
        if name.startswith("lin"):
            values = 0.1 * u
        elif parameter.dim() > 1:
            values = signed * math.sqrt(6 / math.prod(parameter.shape[1:]))
        elif part == "weight":
            values = 1 + 0.1 * signed
        else:
            values = signed * (0.1 if f"{owner}.running_mean" in names else 0.05)
        parameter.data = tensor(values, parameter.shape)
    return net


def rounded(value, digits):
    """What JSON holds of numbers, tensors, and lists and records of them."""
    if isinstance(value, torch.Tensor):
        return rounded(value.detach().flatten().tolist() if value.dim() > 0 else value.item(), digits)
    if isinstance(value, float):
        return float(f"{value:.{digits}g}")
    if isinstance(value, (list, tuple)):
        return [rounded(item, digits) for item in value]
    return {key: rounded(item, digits) for key, item in value.items()} if isinstance(value, dict) else value
