"""LPIPS in PyTorch, as the lpips package computes it, with random weights: one timed evaluation per line of standard input.

A line is `net height width batch wants repeats`; the answer is the milliseconds of each repeat, as JSON.
"""

import json
import sys
import time

import torch
from torch import nn


def conv(i, o, k, **options):
    return [nn.Conv2d(i, o, k, **options), nn.ReLU(inplace=True)]


class Fire(nn.Module):
    def __init__(self, i, s, e):
        super().__init__()
        self.squeeze = nn.Sequential(*conv(i, s, 1))
        self.one = nn.Sequential(*conv(s, e, 1))
        self.three = nn.Sequential(*conv(s, e, 3, padding=1))

    def forward(self, x):
        x = self.squeeze(x)
        return torch.cat([self.one(x), self.three(x)], 1)


def pool(kernel, stride, ceil_mode=False):
    return nn.MaxPool2d(kernel, stride, ceil_mode=ceil_mode)


def alex():
    slices = [
        conv(3, 64, 11, stride=4, padding=2),
        [pool(3, 2), *conv(64, 192, 5, padding=2)],
        [pool(3, 2), *conv(192, 384, 3, padding=1)],
        conv(384, 256, 3, padding=1),
        conv(256, 256, 3, padding=1),
    ]
    return slices, [64, 192, 384, 256, 256]


def vgg():
    slices, channels = [], 3
    for block, (width, count) in enumerate(zip([64, 128, 256, 512, 512], [2, 2, 3, 3, 3])):
        layers = [] if block == 0 else [pool(2, 2)]
        for _ in range(count):
            layers += conv(channels, width, 3, padding=1)
            channels = width
        slices.append(layers)
    return slices, [64, 128, 256, 512, 512]


def squeeze():
    slices = [
        conv(3, 64, 3, stride=2),
        [pool(3, 2, True), Fire(64, 16, 64), Fire(128, 16, 64)],
        [pool(3, 2, True), Fire(128, 32, 128), Fire(256, 32, 128)],
        [pool(3, 2, True), Fire(256, 48, 192)],
        [Fire(384, 48, 192)],
        [Fire(384, 64, 256)],
        [Fire(512, 64, 256)],
    ]
    return slices, [64, 128, 256, 384, 384, 512, 512]


class Lpips(nn.Module):
    def __init__(self, net):
        super().__init__()
        slices, widths = {"alex": alex, "vgg": vgg, "squeeze": squeeze}[net]()
        self.slices = nn.ModuleList(nn.Sequential(*layers) for layers in slices)
        self.heads = nn.ModuleList(nn.Conv2d(width, 1, 1, bias=False) for width in widths)
        self.register_buffer("shift", torch.tensor([-0.030, -0.088, -0.188]).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1))
        for parameter in self.parameters():
            parameter.requires_grad_(False)

    def features(self, x):
        x = (2 * x - 1 - self.shift) / self.scale
        found = []
        for part in self.slices:
            x = part(x)
            found.append(x / (torch.sqrt(torch.sum(x**2, dim=1, keepdim=True)) + 1e-10))
        return found

    def forward(self, output, target):
        total = 0
        for head, a, b in zip(self.heads, self.features(output), self.features(target)):
            total = total + head((a - b) ** 2).mean([2, 3], keepdim=True)
        return total.mean()


models = {}
images = {}


def evaluate(net, height, width, batch, wants):
    if net not in models:
        models[net] = Lpips(net).eval()
    key = (height, width, batch)
    if key not in images:
        images.clear()
        images[key] = [torch.rand(batch, 3, height, width) for _ in range(2)]
    output, target = images[key]
    start = time.perf_counter()
    if wants == "gradient":
        x = output.detach().requires_grad_()
        models[net](x, target).backward()
    else:
        with torch.inference_mode():
            models[net](output, target).item()
    return 1000 * (time.perf_counter() - start)


print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
for line in sys.stdin:
    net, height, width, batch, wants, repeats = line.split()
    times = [evaluate(net, int(height), int(width), int(batch), wants) for _ in range(int(repeats))]
    print(json.dumps(times), flush=True)
