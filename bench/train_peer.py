"""Training steps in PyTorch: the networks and steps of train.ts. One timed job per line of standard input, answered by milliseconds as JSON.

A line is `job size batch repeats`.
"""

import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional


class Block(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x):
        return x + self.conv2(torch.relu(self.conv1(x)))


class Edsr(nn.Module):
    def __init__(self, channels=32, blocks=4):
        super().__init__()
        self.first = nn.Conv2d(3, channels, 3, padding=1)
        self.body = nn.Sequential(*[Block(channels) for _ in range(blocks)], nn.Conv2d(channels, channels, 3, padding=1))
        self.last = nn.Conv2d(channels, 12, 3, padding=1)

    def forward(self, image):
        x = self.first(image - 0.5)
        x = functional.pixel_shuffle(self.last(x + self.body(x)), 2)
        return x + functional.interpolate(image, scale_factor=2, mode="bilinear")


def patch_gan(features=64):
    layers = [nn.Conv2d(3, features, 4, 2, 1), nn.LeakyReLU(0.2)]
    for i, stride in enumerate([2, 2, 1]):
        width = features * 2**i
        layers += [nn.Conv2d(width, 2 * width, 4, stride, 1, bias=False), nn.BatchNorm2d(2 * width), nn.LeakyReLU(0.2)]
    return nn.Sequential(*layers, nn.Conv2d(8 * features, 1, 4, 1, 1))


def super_resolution(size, batch):
    net = Edsr()
    optimizer = torch.optim.Adam(net.parameters(), 1e-4)
    small, large = torch.rand(batch, 3, size, size), torch.rand(batch, 3, 2 * size, 2 * size)

    def step():
        optimizer.zero_grad()
        loss = functional.l1_loss(net(small), large)
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def discriminator(size, batch):
    net = patch_gan()
    optimizer = torch.optim.Adam(net.parameters(), 2e-4, betas=(0.5, 0.999))
    real, fake = torch.rand(batch, 3, size, size), torch.rand(batch, 3, size, size)

    def step():
        optimizer.zero_grad()
        image = (2 * real - 1).requires_grad_()
        logits = net(image)
        loss = torch.relu(1 - logits).mean() + torch.relu(1 + net(2 * fake - 1)).mean()
        (slope,) = torch.autograd.grad(logits.sum(), image, create_graph=True)
        loss = loss + 5 * slope.square().sum([1, 2, 3]).mean()
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


jobs = {"super-resolution": super_resolution, "discriminator": discriminator}
steps = {}
print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
for line in sys.stdin:
    job, size, batch, repeats = line.split()
    key = (job, size, batch)
    if key not in steps:
        steps[key] = jobs[job](int(size), int(batch))
    times = []
    for _ in range(int(repeats)):
        start = time.perf_counter()
        steps[key]()
        times.append(1000 * (time.perf_counter() - start))
    print(json.dumps(times), flush=True)
