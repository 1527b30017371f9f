"""Logits, losses, gradients and a step of discriminators in PyTorch, in float64: what test/train/gan-steps.test.ts expects. Run with torch: python3 test/train/gan_steps.py > test/goldens/train/gan-steps.json

The networks are those of pix2pix (NLayerDiscriminator) and pix2pixHD (MultiscaleDiscriminator with getIntermFeat, whose names these are), smaller; they see images in [-1, 1], after what the images were made of
where they are conditional. R3GAN's loss is that of its trainer (AdversarialTraining): softplus of the differences of logits of pairs, and half of gamma times the mean squared length of the gradient of the logits
by the images, real ones and fake ones. Weights and images follow from names alone (see seeded-weights.ts).
"""

import json

import torch
import torch.nn.functional as F
from seeded_torch import batch, rounded, seeded
from tiny_discriminator import TinyDiscriminator
from torch import nn

RATE = 0.5


class Tiny(TinyDiscriminator):
    def forward(self, x):
        return [super().forward(x)]


class NLayerDiscriminator(nn.Module):
    def __init__(self, inputs, features, depth):
        super().__init__()
        layers = [nn.Conv2d(inputs, features, 4, stride=2, padding=1), nn.LeakyReLU(0.2)]
        channels = features
        for n in range(1, depth + 1):
            width = features * min(2**n, 8)
            layers += [nn.Conv2d(channels, width, 4, stride=2 if n < depth else 1, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(width), nn.LeakyReLU(0.2)]
            channels = width
        self.model = nn.Sequential(*layers, nn.Conv2d(channels, 1, 4, stride=1, padding=1))

    def forward(self, x):
        return [self.model(x)]


class MultiscaleDiscriminator(nn.Module):
    def __init__(self, inputs, features, depth, scales):
        super().__init__()
        self.depth, self.scales = depth, scales
        for scale in range(scales):
            channels = inputs
            for n in range(depth + 1):
                width = min(features * 2**n, 512)
                norm = [nn.InstanceNorm2d(width)] if n > 0 else []
                conv = nn.Conv2d(channels, width, 4, stride=2 if n < depth else 1, padding=2)
                setattr(self, f"scale{scale}_layer{n}", nn.Sequential(conv, *norm, nn.LeakyReLU(0.2)))
                channels = width
            setattr(self, f"scale{scale}_layer{depth + 1}", nn.Sequential(nn.Conv2d(channels, 1, 4, stride=1, padding=2)))
        self.downsample = nn.AvgPool2d(3, stride=2, padding=[1, 1], count_include_pad=False)

    def forward(self, x):
        logits = []
        for scale in reversed(range(self.scales)):
            y = x
            for n in range(self.depth + 2):
                y = getattr(self, f"scale{scale}_layer{n}")(y)
            logits.append(y)
            x = self.downsample(x)
        return logits


def hinge(real, fake):
    return F.relu(1 - real).mean(), F.relu(1 + fake).mean()


def lsgan(real, fake):
    return F.mse_loss(real, torch.ones_like(real)), F.mse_loss(fake, torch.zeros_like(fake))


def vanilla(real, fake):
    entropy = F.binary_cross_entropy_with_logits
    return entropy(real, torch.ones_like(real)), entropy(fake, torch.zeros_like(fake))


def paired(real, fake):
    half = F.softplus(-(real - fake)).mean() / 2
    return half, half


GENERATOR = {
    hinge: lambda fake, real: -fake.mean(),
    lsgan: lambda fake, real: F.mse_loss(fake, torch.ones_like(fake)),
    vanilla: lambda fake, real: F.softplus(-fake).mean(),
    paired: lambda fake, real: F.softplus(-(fake - real.detach())).mean(),
}


def run(net, objective, shape, conditional=False, r1=0, r2=0):
    seeded(net)
    # The images' names are those of the test; so is the input's, which is as large.
    real, fake, made_of = (batch(name, shape) for name in ("real", "fake", "input"))

    def shown(image):
        return torch.cat([2 * made_of - 1, image], 1) if conditional else image

    def generator(fake):
        fake = fake.clone().requires_grad_()
        pairs = zip(net(shown(2 * fake - 1)), net(shown(2 * real - 1)))
        value = sum(GENERATOR[objective](a, b) for a, b in pairs)
        return value, torch.autograd.grad(value, fake)[0]

    value, gradient = generator(fake)
    images = [(2 * image - 1).requires_grad_() for image in (real, fake)]
    logits = [net(shown(image)) for image in images]
    halves = [objective(a, b) for a, b in zip(*logits)]
    halves = [sum(half) for half in zip(*halves)]
    loss, said = sum(halves), {"real": halves[0], "fake": halves[1]}
    for name, gamma, image, of_image in [("penalty", r1, images[0], logits[0]), ("fakePenalty", r2, images[1], logits[1])]:
        if gamma > 0:
            slope = torch.autograd.grad(sum(x.sum() for x in of_image), image, create_graph=True)[0]
            said[name] = slope.square().sum([1, 2, 3]).mean()
            loss = loss + gamma / 2 * said[name]
    gradients = torch.autograd.grad(loss, list(net.parameters()))
    with torch.no_grad():
        for parameter, step in zip(net.parameters(), gradients):
            parameter -= RATE * step
    return {
        "shape": shape,
        "logits": {"real": logits[0], "fake": logits[1]},
        "generator": {"value": value, "gradient": gradient},
        "discriminator": said,
        "gradients": {name: step for (name, _), step in zip(net.named_parameters(), gradients)},
        "generatorAfterwards": generator(fake)[0],
    }


print(json.dumps(rounded({
    "peer": f"torch {torch.__version__}",
    "rate": RATE,
    "cases": {
        "paired, with R1 and R2 (R3GAN)": run(Tiny(), paired, (2, 3, 12, 16), r1=2, r2=4),
        "conditional": run(NLayerDiscriminator(6, 3, 2), hinge, (2, 3, 20, 18), conditional=True),
        "multi-scale": run(MultiscaleDiscriminator(3, 2, 2, 3), lsgan, (2, 3, 21, 18)),
        "conditional multi-scale": run(MultiscaleDiscriminator(6, 2, 1, 2), vanilla, (1, 3, 17, 22), conditional=True),
    },
}, 6)))
