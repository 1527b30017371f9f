"""Five steps of a decoder and its discriminator in PyTorch, in float64: what test/train/adaptive.test.ts expects. Run with torch: python3 test/train/vqgan_steps.py > test/goldens/train/vqgan-steps.json

The loss is that of VQGAN (taming-transformers, VQLPIPSWithDiscriminator): mean |output - target| + LPIPS-alex + 0.8 * factor * weight * g, with g = -mean(logits) and
weight = min(|d rest / d last| / (|d g / d last| + 1e-4), 1e4), without a gradient; the factor is 0 in the first two steps, in which the discriminator does not learn either, then 1/2, then 1. The
discriminator minimises both halves of the hinge loss, and sees images in [-1, 1]. Weights and batches follow from names alone (see seeded-weights.ts).
"""

import json

import torch
import torch.nn.functional as F
from seeded_torch import batch, rounded, seeded
from tiny_discriminator import TinyDiscriminator
from torch import nn

SHAPE = (2, 3, 32, 36)
START, WHOLE, STEPS = 2, 4, 5


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.decoder = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.SiLU(), nn.Conv2d(8, 3, 3, padding=1))

    def forward(self, x):
        return self.decoder(x)


class Discriminator(TinyDiscriminator):
    def forward(self, x):
        return super().forward(2 * x - 1)


class Lpips(nn.Module):
    """LPIPS 0.1 on AlexNet, as richzhang/PerceptualSimilarity computes it, of images in [0, 1]."""

    def __init__(self):
        super().__init__()
        pool = nn.MaxPool2d(3, 2)
        self.features = nn.Sequential(
            nn.Conv2d(3, 64, 11, stride=4, padding=2), nn.ReLU(), pool,
            nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(), pool,
            nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(),
            nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
        )  # fmt: skip
        for layer, channels in enumerate([64, 192, 384, 256, 256]):
            head = nn.Module()
            head.model = nn.Sequential(nn.Identity(), nn.Conv2d(channels, 1, 1, bias=False))
            setattr(self, f"lin{layer}", head)

    def layers(self, x):
        shift, scale = (torch.tensor(v).double().view(1, 3, 1, 1) for v in ([-0.030, -0.088, -0.188], [0.458, 0.448, 0.450]))
        x = (2 * x - 1 - shift) / scale
        found = []
        for layer in self.features:
            x = layer(x)
            if isinstance(layer, nn.ReLU):
                found.append(x / (x.square().sum(1, keepdim=True).sqrt() + 1e-10))
        return found

    def forward(self, x, y):
        pairs = zip(self.layers(x), self.layers(y))
        return sum(getattr(self, f"lin{i}").model((a - b) ** 2).mean() for i, (a, b) in enumerate(pairs))


def run():
    decoder, discriminator, lpips = seeded(Decoder()), seeded(Discriminator()), seeded(Lpips())
    of_decoder = torch.optim.Adam(decoder.parameters(), 1e-2, betas=(0.5, 0.9))
    of_discriminator = torch.optim.Adam(discriminator.parameters(), 2e-3, betas=(0.5, 0.999))
    x, target = batch("input", SHAPE), batch("target", SHAPE)
    last = decoder.decoder[2].weight
    steps = []
    for step in range(1, STEPS + 1):
        factor = min(1, max(0, (step - START) / (WHOLE - START)))
        output = decoder(x)
        rest = (output - target).abs().mean() + lpips(output, target)
        g = -discriminator(output).mean()
        lengths = [torch.autograd.grad(part, last, retain_graph=True)[0].norm() for part in (rest, g)]
        weight = (lengths[0] / (lengths[1] + 1e-4)).clamp(0, 1e4).detach()
        loss = rest + 0.8 * factor * weight * g
        said = {"loss": loss, "weight": weight, "g": g}
        of_decoder.zero_grad()
        loss.backward()
        of_decoder.step()
        if factor > 0:
            real, fake = discriminator(target), discriminator(output.detach())
            loss = F.relu(1 - real).mean() + F.relu(1 + fake).mean()
            said["discriminator"] = loss
            of_discriminator.zero_grad()
            loss.backward()
            of_discriminator.step()
        steps.append(said)
    return {"steps": steps, "decoder": dict(decoder.named_parameters()), "discriminator": dict(discriminator.named_parameters())}


print(json.dumps(rounded({"peer": f"torch {torch.__version__}", **run()}, 8)))
