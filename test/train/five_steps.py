"""Five training steps in PyTorch, in float64: what test/train/step.test.ts expects. Run with torch 2.13: python test/train/five_steps.py > test/goldens/train/five-steps.json

The network, its weights and the batch follow from names alone (see seeded-weights.ts): nothing else is shared.
"""

import json

import torch
from seeded_torch import batch, rounded, seeded
from torch import nn


def network():
    net = nn.Sequential()
    net.add_module("conv0", nn.Conv2d(3, 4, 3, padding=1))
    net.add_module("act", nn.LeakyReLU(0.2))
    net.add_module("conv1", nn.Conv2d(4, 12, 3, padding=1, stride=2, groups=2))
    net.add_module("shuffle", nn.PixelShuffle(2))
    return seeded(net)


def run(make, clip=None, schedule=None):
    net = network()
    optimizer = make(net.parameters())
    scheduler = schedule and schedule(optimizer)
    x, y = batch("input", (2, 3, 10, 8)), batch("target", (2, 3, 10, 8))
    steps = []
    for _ in range(5):
        optimizer.zero_grad()
        loss = ((net(x) - y) ** 2 + 1e-6).sqrt().mean()
        loss.backward()
        step = {"loss": loss.item(), "gradients": {k: p.grad.flatten().tolist() for k, p in net.named_parameters()}}
        if clip:
            step["norm"] = torch.nn.utils.clip_grad_norm_(net.parameters(), clip).item()
        optimizer.step()
        if scheduler:
            scheduler.step()
        steps.append(step)
    return {"steps": steps, "parameters": {k: p.flatten().tolist() for k, p in net.named_parameters()}}


print(json.dumps(rounded({
    "peer": f"torch {torch.__version__}",
    "cases": {
        "adam": run(lambda p: torch.optim.Adam(p, 1e-2, betas=(0.8, 0.99), weight_decay=0.1)),
        "adamW": run(lambda p: torch.optim.AdamW(p, 1e-2, weight_decay=0.1)),
        "sgd": run(lambda p: torch.optim.SGD(p, 0.1, momentum=0)),
        "sgd with momentum and clipping": run(lambda p: torch.optim.SGD(p, 0.5, momentum=0.9, weight_decay=0.01), clip=0.05),
        "sgd, nesterov, stepped rate": run(
            lambda p: torch.optim.SGD(p, 0.2, momentum=0.8, nesterov=True),
            schedule=lambda o: torch.optim.lr_scheduler.StepLR(o, 2, 0.5),
        ),
    },
}, 7)))
