"""pytorch-fid's way to features and to the Frechet distance, with random weights: one timed task per line of standard input.

`features FOLDER` answers the seconds from files to mean and covariance, in batches of 50 with a data loader; `distance FILE DIMENSION` those of the
distance of two sets of statistics, float64 one after the other in the file, through scipy's sqrtm; answers are JSON.
"""

import json
import pathlib
import sys
import time
import warnings

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from scipy import linalg
from torch import nn


class Files(torch.utils.data.Dataset):
    def __init__(self, folder):
        self.paths = sorted(path for path in pathlib.Path(folder).rglob("*") if path.is_file())

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, i):
        pixels = np.asarray(Image.open(self.paths[i]).convert("RGB"))
        return torch.from_numpy(pixels.transpose(2, 0, 1).copy()).float() / 255


class Unit(nn.Module):
    def __init__(self, i, o, kernel, **options):
        super().__init__()
        self.conv = nn.Conv2d(i, o, kernel, bias=False, **options)
        self.bn = nn.BatchNorm2d(o, eps=0.001)

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)), inplace=True)


class Parallel(nn.ModuleList):
    def forward(self, x):
        return torch.cat([branch(x) for branch in self], 1)


def seq(*layers):
    return nn.Sequential(*layers)


def average():
    return nn.AvgPool2d(3, 1, 1, count_include_pad=False)


def row(i, o):
    return Unit(i, o, (1, 7), padding=(0, 3))


def column(i, o):
    return Unit(i, o, (7, 1), padding=(3, 0))


def block_a(i, pooled):
    return Parallel([
        Unit(i, 64, 1),
        seq(Unit(i, 48, 1), Unit(48, 64, 5, padding=2)),
        seq(Unit(i, 64, 1), Unit(64, 96, 3, padding=1), Unit(96, 96, 3, padding=1)),
        seq(average(), Unit(i, pooled, 1)),
    ])


def block_b(i):
    return Parallel([
        Unit(i, 384, 3, stride=2),
        seq(Unit(i, 64, 1), Unit(64, 96, 3, padding=1), Unit(96, 96, 3, stride=2)),
        nn.MaxPool2d(3, 2),
    ])


def block_c(m):
    return Parallel([
        Unit(768, 192, 1),
        seq(Unit(768, m, 1), row(m, m), column(m, 192)),
        seq(Unit(768, m, 1), column(m, m), row(m, m), column(m, m), row(m, 192)),
        seq(average(), Unit(768, 192, 1)),
    ])


def block_d():
    return Parallel([
        seq(Unit(768, 192, 1), Unit(192, 320, 3, stride=2)),
        seq(Unit(768, 192, 1), row(192, 192), column(192, 192), Unit(192, 192, 3, stride=2)),
        nn.MaxPool2d(3, 2),
    ])


def cross():
    return Parallel([Unit(384, 384, (1, 3), padding=(0, 1)), Unit(384, 384, (3, 1), padding=(1, 0))])


def block_e(i, pool):
    return Parallel([
        Unit(i, 320, 1),
        seq(Unit(i, 384, 1), cross()),
        seq(Unit(i, 448, 1), Unit(448, 384, 3, padding=1), cross()),
        seq(pool, Unit(i, 192, 1)),
    ])


def network():
    """The FID Inception of pytorch-fid up to its 2048 features."""
    return seq(
        *(Unit(3, 32, 3, stride=2), Unit(32, 32, 3), Unit(32, 64, 3, padding=1), nn.MaxPool2d(3, 2)),
        *(Unit(64, 80, 1), Unit(80, 192, 3), nn.MaxPool2d(3, 2)),
        *(block_a(192, 32), block_a(256, 64), block_a(288, 64), block_b(288)),
        *(block_c(128), block_c(160), block_c(160), block_c(192), block_d()),
        *(block_e(1280, average()), block_e(2048, nn.MaxPool2d(3, 1, 1)), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    ).eval()


def features(folder):
    loader = torch.utils.data.DataLoader(Files(folder), batch_size=50, num_workers=min(torch.get_num_threads(), 8))
    start = time.perf_counter()
    rows = []
    with torch.no_grad():
        for batch in loader:
            batch = F.interpolate(batch, size=(299, 299), mode="bilinear", align_corners=False)
            rows.append(model(2 * batch - 1).numpy())
    rows = np.concatenate(rows)
    np.mean(rows, axis=0), np.cov(rows, rowvar=False)
    return time.perf_counter() - start


def distance(file, dimension):
    d = int(dimension)
    values = np.fromfile(file)
    mu1, sigma1, mu2, sigma2 = np.split(values, np.cumsum([d, d * d, d]))
    sigma1, sigma2 = sigma1.reshape(d, d), sigma2.reshape(d, d)
    start = time.perf_counter()
    diff = mu1 - mu2
    root = linalg.sqrtm(sigma1.dot(sigma2))
    value = diff.dot(diff) + np.trace(sigma1) + np.trace(sigma2) - 2 * np.trace(np.real(root))
    return [time.perf_counter() - start, value]


warnings.simplefilter("ignore")
model = network()
print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
for line in sys.stdin:
    task, *words = line.split()
    print(json.dumps({"features": features, "distance": distance}[task](*words)), flush=True)
