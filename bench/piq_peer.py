"""The losses of piq, as installed, and DISTS of images as they are: one timed evaluation, or some, per line of standard input.

A line is `loss gradient output target channels height width threads repeats`: a name of LOSSES, 0 or 1, two files of float32 planes, their shape, and how often; the answer is the milliseconds of
each repeat by the clock and of the processor, the value, and the file with the last gradient. VGG16 and the weights of DISTS come from the file that the first argument names, in the order of PyTorch's `vgg16().features.parameters()`, then alpha and beta:
piq would download them, and asks torchvision, which is not needed here.
"""

import importlib.machinery
import json
import sys
import time
import types

import numpy as np
import torch
from torch import nn

SIZES = [64, 64, "pool", 128, 128, "pool", 256, 256, 256, "pool", 512, 512, 512, "pool", 512, 512, 512, "pool"]
weights = np.fromfile(sys.argv[1], dtype=np.float32)


def take(shape):
    global weights
    count = int(np.prod(shape))
    taken, weights = weights[:count], weights[count:]
    return torch.from_numpy(taken.copy()).reshape(shape)


def vgg16(**_):
    layers, channels = [], 3
    for size in SIZES:
        if size == "pool":
            layers.append(nn.MaxPool2d(2, 2))
            continue
        layers += [nn.Conv2d(channels, size, 3, padding=1), nn.ReLU(inplace=True)]
        channels = size
    features = nn.Sequential(*layers)
    for parameter in features.parameters():
        parameter.data = take(parameter.shape)
    return types.SimpleNamespace(features=features)


def stand_in(name, **members):
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    module.__path__ = []
    for member, value in members.items():
        setattr(module, member, value)
    sys.modules[name] = module
    return module


trunk = vgg16()
channels = dict(alpha=take((1, 1475, 1, 1)), beta=take((1, 1475, 1, 1)))
models = stand_in("torchvision.models", vgg16=lambda **_: trunk, vgg19=None)
stand_in("torchvision", models=models, __version__="0.0")
torch.hub.load_state_dict_from_url = lambda *_, **__: channels

import piq  # noqa: E402

dists = piq.DISTS()

LOSSES = {
    "gmsd": piq.gmsd,
    "haarpsi": piq.haarpsi,
    "mdsi": piq.mdsi,
    "vif_p": piq.vif_p,
    "fsim": lambda x, y: piq.fsim(x, y, chromatic=False),
    "fsimc": piq.fsim,
    "DISTS": dists,
    # Without the shrinking that piq does first.
    "DISTS-whole": lambda x, y: 1 - super(piq.DISTS, dists).forward(x, y),
}

images = {}


def load(path, shape):
    if path not in images:
        images[path] = torch.from_numpy(np.fromfile(path, dtype=np.float32).reshape(shape))
    return images[path]


def clocks():
    return time.perf_counter(), time.process_time()


def since(begin):
    return {name: 1000 * (end - start) for name, start, end in zip(("clock", "processor"), begin, clocks())}


def evaluate(loss, x, y, gradient):
    if not gradient:
        with torch.no_grad():
            begin = clocks()
            value = LOSSES[loss](x, y).item()
            return since(begin), value, None
    x = x.clone().requires_grad_()
    begin = clocks()
    value = LOSSES[loss](x, y)
    value.backward()
    return since(begin), value.item(), x.grad


print(json.dumps({"piq": piq.__version__, "torch": torch.__version__}), flush=True)
for line in sys.stdin:
    try:
        loss, gradient, output, target, c, h, w, threads, repeats = line.split()
        torch.set_num_threads(int(threads))
        x, y = (load(path, (1, int(c), int(h), int(w))) for path in (output, target))
        times = []
        for _ in range(int(repeats)):
            time_taken, value, grad = evaluate(loss, x, y, gradient == "1")
            times.append(time_taken)
        answer = {"times": times, "value": value}
        if grad is not None:
            answer["gradient"] = output + ".gradient"
            grad.numpy().tofile(answer["gradient"])
    except Exception as error:  # the benchmark shows what went wrong and goes on
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
