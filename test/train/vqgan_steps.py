"""Five steps of a decoder and its discriminator, in NumPy and float64: what test/train/adaptive.test.ts expects. Run with NumPy: python3 test/train/vqgan_steps.py > test/goldens/train/vqgan-steps.json

Not PyTorch's numbers: every derivative is written by hand below, and checked against finite differences at the end of the run. The loss is that of VQGAN (taming-transformers,
VQLPIPSWithDiscriminator): mean |output - target| + LPIPS-alex + 0.8 * factor * weight * g, with g = -mean(logits) and weight = min(|d rest / d last| / (|d g / d last| + 1e-4), 1e4); the factor is 0 in the
first two steps, in which the discriminator does not learn either, then 1/2, then 1. The discriminator minimises both halves of the hinge loss. Weights and batches follow from names alone (see
seeded-weights.ts).
"""

import json
import math
import sys

import numpy as np

from seeded_numbers import uniform


def single(x):
    return np.asarray(x).astype(np.float32).astype(np.float64)


def batch(name, shape):
    return single(uniform(name, math.prod(shape))).reshape(shape)


def weights(name, shape):
    u = uniform(name, math.prod(shape))
    if name.startswith("lin"):
        return single(u * 0.1).reshape(shape)
    scale = math.sqrt(6 / math.prod(shape[1:])) if len(shape) > 1 else 0.05
    return single((2 * u - 1) * scale).reshape(shape)


def convolution(prefix, inputs, outputs, kernel):
    return {f"{prefix}.weight": weights(f"{prefix}.weight", (outputs, inputs, kernel, kernel)), f"{prefix}.bias": weights(f"{prefix}.bias", (outputs,))}


class Value:
    """A value and how a gradient goes back from it: pairs of an operand and what takes the gradient there."""

    def __init__(self, value, back=()):
        self.value, self.back = value, back

    def __add__(self, other):
        return Value(self.value + other.value, [(self, lambda g: g), (other, lambda g: g)])

    def scaled(self, factor, shift=0.0):
        return Value(self.value * factor + shift, [(self, lambda g: g * factor)])


def gradients(value, operands):
    """The gradient of a number by some of the values that it comes from."""
    order, seen = [], set()

    def visit(node):
        if id(node) in seen:
            return
        seen.add(id(node))
        for operand, _ in node.back:
            visit(operand)
        order.append(node)

    visit(value)
    found = {id(value): np.ones_like(value.value)}
    for node in reversed(order):
        for operand, take in node.back:
            if id(node) in found:
                found[id(operand)] = found.get(id(operand), 0) + take(found[id(node)])
    return [found.get(id(operand), np.zeros_like(operand.value)) for operand in operands]


def conv(x, tensors, prefix, stride=1, padding=0):
    weight, bias = tensors[f"{prefix}.weight"], tensors[f"{prefix}.bias"]
    w = weight.value
    outputs, inputs, kh, kw = w.shape
    padded = np.pad(x.value, ((0, 0), (0, 0), (padding, padding), (padding, padding)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kh, kw), axis=(2, 3))[:, :, ::stride, ::stride]
    value = np.einsum("ncyxij,ocij->noyx", windows, w, optimize=True) + bias.value[None, :, None, None]

    def by_x(g):
        result = np.zeros_like(padded)
        for i in range(kh):
            for j in range(kw):
                part = np.einsum("noyx,oc->ncyx", g, w[:, :, i, j], optimize=True)
                h, v = g.shape[2], g.shape[3]
                result[:, :, i : i + stride * h : stride, j : j + stride * v : stride] += part
        return result[:, :, padding : padded.shape[2] - padding, padding : padded.shape[3] - padding]

    return Value(
        value,
        [
            (x, by_x),
            (weight, lambda g: np.einsum("ncyxij,noyx->ocij", windows, g, optimize=True)),
            (bias, lambda g: g.sum((0, 2, 3))),
        ],
    )


def silu(x):
    s = 1 / (1 + np.exp(-x.value))
    return Value(x.value * s, [(x, lambda g: g * s * (1 + x.value * (1 - s)))])


def leaky(x, slope=0.2):
    factor = np.where(x.value >= 0, 1.0, slope)
    return Value(x.value * factor, [(x, lambda g: g * factor)])


def relu(x):
    return leaky(x, 0.0)


def max_pool(x, size=3, stride=2):
    windows = np.lib.stride_tricks.sliding_window_view(x.value, (size, size), axis=(2, 3))[:, :, ::stride, ::stride]
    flat = windows.reshape(*windows.shape[:4], -1)
    best = flat.argmax(-1)

    def by_x(g):
        result = np.zeros_like(x.value)
        n, c, y, v = np.indices(best.shape)
        np.add.at(result, (n, c, y * stride + best // size, v * stride + best % size), g)
        return result

    return Value(flat.max(-1), [(x, by_x)])


def mean(x):
    return Value(np.array(x.value.mean()), [(x, lambda g: np.full_like(x.value, g / x.value.size))])


def absolute(x):
    return Value(np.abs(x.value), [(x, lambda g: g * np.sign(x.value))])


def constant(values):
    return {name: Value(value) for name, value in values.items()}


def decoder(x, tensors):
    return conv(silu(conv(x, tensors, "decoder.0", padding=1)), tensors, "decoder.2", padding=1)


def discriminator(x, tensors):
    x = leaky(conv(x.scaled(2, -1), tensors, "conv0", stride=2, padding=1))
    x = leaky(conv(x, tensors, "conv1", stride=2, padding=1))
    return conv(x, tensors, "conv2", padding=1)


alex = {
    **convolution("features.0", 3, 64, 11),
    **convolution("features.3", 64, 192, 5),
    **convolution("features.6", 192, 384, 3),
    **convolution("features.8", 384, 256, 3),
    **convolution("features.10", 256, 256, 3),
}
heads = [weights(f"lin{layer}.model.1.weight", (1, c, 1, 1)) for layer, c in enumerate([64, 192, 384, 256, 256])]
shift, scale = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])


def features(x):
    factor = (2 / scale)[None, :, None, None]
    x = Value(x.value * factor - ((1 + shift) / scale)[None, :, None, None], [(x, lambda g: g * factor)])
    tensors = constant(alex)
    layers = [relu(conv(x, tensors, "features.0", stride=4, padding=2))]
    layers.append(relu(conv(max_pool(layers[-1]), tensors, "features.3", padding=2)))
    layers.append(relu(conv(max_pool(layers[-1]), tensors, "features.6", padding=1)))
    layers.append(relu(conv(layers[-1], tensors, "features.8", padding=1)))
    layers.append(relu(conv(layers[-1], tensors, "features.10", padding=1)))
    return layers


def unit(x):
    length = np.sqrt((x.value**2).sum(1, keepdims=True))
    safe = np.where(length > 0, length, 1.0)
    total = length + 1e-10

    def by_x(g):
        along = (g * x.value).sum(1, keepdims=True)
        return g / total - np.where(length > 0, x.value * along / (safe * total**2), 0)

    return Value(x.value / total, [(x, by_x)])


def lpips(x, target):
    """The mean over the batch."""
    result = Value(np.array(0.0))
    for layer, other, head in zip(features(x), features(Value(target)), heads):
        a, b = unit(layer), unit(other).value
        difference = a.value - b
        count = difference.shape[2] * difference.shape[3] * difference.shape[0]
        value = np.array((difference**2 * head).sum() / count)
        result = result + Value(value, [(a, lambda g, d=difference, h=head, n=count: g * 2 * d * h / n)])
    return result


def rest(output, target):
    return mean(absolute(output + Value(-target))) + lpips(output, target)


def hinge(real, fake):
    return mean(relu(real.scaled(-1, 1))) + mean(relu(fake.scaled(1, 1)))


class Adam:
    def __init__(self, rate, betas):
        self.rate, self.betas, self.step, self.m, self.v = rate, betas, 0, {}, {}

    def update(self, tensors, gradient):
        self.step += 1
        a, b = self.betas
        for name, g in gradient.items():
            self.m[name] = a * self.m.get(name, 0) + (1 - a) * g
            self.v[name] = b * self.v.get(name, 0) + (1 - b) * g * g
            m, v = self.m[name] / (1 - a**self.step), self.v[name] / (1 - b**self.step)
            tensors[name] = tensors[name] - self.rate * m / (np.sqrt(v) + 1e-8)


SHAPE = (2, 3, 32, 36)
START, WHOLE, STEPS = 2, 4, 5


def run():
    generator = {**convolution("decoder.0", 3, 8, 3), **convolution("decoder.2", 8, 3, 3)}
    judge = {**convolution("conv0", 3, 8, 4), **convolution("conv1", 8, 16, 4), **convolution("conv2", 16, 1, 3)}
    of_generator, of_judge = Adam(1e-2, (0.5, 0.9)), Adam(2e-3, (0.5, 0.999))
    x, target = batch("input", SHAPE), batch("target", SHAPE)
    steps = []
    for step in range(1, STEPS + 1):
        factor = min(1, max(0, (step - START) / (WHOLE - START)))
        moving = constant(generator)
        output = decoder(Value(x), moving)
        nll, g = rest(output, target), mean(discriminator(output, constant(judge))).scaled(-1)
        last = [moving["decoder.2.weight"]]
        lengths = [math.sqrt((gradients(part, last)[0] ** 2).sum()) for part in (nll, g)]
        weight = min(lengths[0] / (lengths[1] + 1e-4), 1e4)
        loss = nll + g.scaled(0.8 * factor * weight)
        by_parameter = dict(zip(moving, gradients(loss, list(moving.values()))))
        said = {"loss": float(loss.value), "weight": weight, "g": float(g.value)}
        of_generator.update(generator, by_parameter)
        if factor > 0:
            learning = constant(judge)
            loss = hinge(discriminator(Value(target), learning), discriminator(Value(output.value), learning))
            said["discriminator"] = float(loss.value)
            of_judge.update(judge, dict(zip(learning, gradients(loss, list(learning.values())))))
        steps.append(said)
    return {"steps": steps, "decoder": generator, "discriminator": judge}


def check_derivatives():
    """Every derivative against finite differences: of the loss by the output, and of both networks by their tensors."""
    random = np.random.default_rng(1)
    generator = {**convolution("decoder.0", 3, 8, 3), **convolution("decoder.2", 8, 3, 3)}
    judge = {**convolution("conv0", 3, 8, 4), **convolution("conv1", 8, 16, 4), **convolution("conv2", 16, 1, 3)}
    x, target = batch("input", SHAPE), batch("target", SHAPE)

    def total(tensors):
        values = constant(tensors)
        output = decoder(Value(x), values)
        loss = rest(output, target) + mean(discriminator(output, values)).scaled(-1) + hinge(discriminator(Value(target), values), discriminator(output, values))
        return loss, values

    tensors = {**generator, **judge}
    loss, values = total(tensors)
    for name, gradient in zip(values, gradients(loss, list(values.values()))):
        direction = random.standard_normal(gradient.shape)
        ends = [float(total({**tensors, name: tensors[name] + h * direction})[0].value) for h in (1e-6, -1e-6)]
        expected = (gradient * direction).sum()
        error = abs((ends[0] - ends[1]) / 2e-6 - expected)
        print(f"{name}: {expected:.6g}, off by {error:.1e}", file=sys.stderr)
        assert error < 1e-7 * max(1e-2, abs(expected)), name


def rounded(value):
    if isinstance(value, np.ndarray):
        return rounded(value.ravel().tolist())
    if isinstance(value, float):
        return float(f"{value:.8g}")
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return {key: rounded(item) for key, item in value.items()} if isinstance(value, dict) else value


check_derivatives()
print(json.dumps(rounded({"peer": f"NumPy {np.__version__}, derivatives by hand (vqgan_steps.py)", **run()})))
