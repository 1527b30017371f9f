"""The discriminator of test/tiny-discriminator.ts in PyTorch: three convolutions."""

import torch.nn.functional as F
from torch import nn


class TinyDiscriminator(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv0 = nn.Conv2d(3, 8, 4, stride=2, padding=1)
        self.conv1 = nn.Conv2d(8, 16, 4, stride=2, padding=1)
        self.conv2 = nn.Conv2d(16, 1, 3, padding=1)

    def forward(self, x):
        return self.conv2(F.leaky_relu(self.conv1(F.leaky_relu(self.conv0(x), 0.2)), 0.2))
