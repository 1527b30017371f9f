"""The Python side of the benchmark: does one named task once per line that it reads, and answers with the seconds it took.

Line: {"task", "output", "target" (files of float32 planes), "shape": [c, h, w], "threads"}. Answer: {"seconds", "value"} or {"error"}.
"""

import importlib.machinery
import json
import sys
import time
from unittest.mock import MagicMock

import numpy as np
import torch
import torch.nn.functional as F


def import_torchmetrics():
    # torchmetrics imports torchvision for losses that are not measured here, and fails where the two do not fit.
    for name in ["torchvision"] + ["torchvision." + part for part in ("transforms", "models", "ops", "utils")]:
        module = MagicMock()
        module.__spec__ = importlib.machinery.ModuleSpec(name, None)
        module.__path__ = []
        module.__version__ = "0.0"
        sys.modules[name] = module
    import torchmetrics.functional.image as image

    return image


def gaussian(channels):
    x = torch.arange(11, dtype=torch.float64) - 5
    w = torch.exp(-(x**2) / (2 * 1.5**2))
    return (w / w.sum()).float().repeat(channels, 1, 1, 1)


def ssim(x, y, blur):
    mx, my = blur(x), blur(y)
    sxx, syy, sxy = blur(x * x) - mx * mx, blur(y * y) - my * my, blur(x * y) - mx * my
    c1, c2 = 0.01**2, 0.03**2
    return ((2 * mx * my + c1) * (2 * sxy + c2) / ((mx * mx + my * my + c1) * (sxx + syy + c2))).mean()


def depthwise(x):
    c = x.shape[1]
    w = gaussian(c)
    kernel = w.transpose(2, 3) @ w
    return lambda image: F.conv2d(image, kernel, groups=c)


def separable(x):
    c = x.shape[1]
    w = gaussian(c)
    return lambda image: F.conv2d(F.conv2d(image, w, groups=c), w.transpose(2, 3), groups=c)


def tv(x, _):
    return (x[..., 1:, :] - x[..., :-1, :]).abs().mean() + (x[..., :, 1:] - x[..., :, :-1]).abs().mean()


def torchmetrics_ssim(x, y):
    return import_once().structural_similarity_index_measure(x, y, data_range=1.0)


def torchmetrics_ms_ssim(x, y):
    return import_once().multiscale_structural_similarity_index_measure(x, y, data_range=1.0)


def import_once(cache=[]):
    if not cache:
        cache.append(import_torchmetrics())
    return cache[0]


TORCH = {
    "ssim-depthwise": lambda x, y: ssim(x, y, depthwise(x)),
    "ssim-separable": lambda x, y: ssim(x, y, separable(x)),
    "ssim-torchmetrics": torchmetrics_ssim,
    "ms-ssim-torchmetrics": torchmetrics_ms_ssim,
    "l1": F.l1_loss,
    "mse": F.mse_loss,
    "charbonnier": lambda x, y: torch.sqrt((x - y) ** 2 + 1e-6).mean(),
    "tv": tv,
}


def skimage_ssim(x, y):
    from skimage.metrics import structural_similarity

    return structural_similarity(
        y, x, data_range=1.0, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
    )


def skimage_delta_e(x, y):
    from skimage.color import deltaE_ciede2000, rgb2lab

    return deltaE_ciede2000(rgb2lab(x), rgb2lab(y)).mean()


SKIMAGE = {"ssim-skimage": skimage_ssim, "deltaE-skimage": skimage_delta_e}

images = {}


def load(path, shape):
    if path not in images:
        images[path] = np.fromfile(path, dtype=np.float32).reshape(shape)
    return images[path]


def run(request):
    task, gradient = request["task"], request["gradient"]
    torch.set_num_threads(request["threads"])
    x, y = (load(request[name], request["shape"]) for name in ("output", "target"))
    if task in SKIMAGE:
        # Interleaved, as scikit-image reads images; the rearrangement is not timed.
        x, y = (np.ascontiguousarray(image.transpose(1, 2, 0)) for image in (x, y))
        begin = time.perf_counter()
        value = SKIMAGE[task](x, y)
        return time.perf_counter() - begin, value
    x, y = torch.from_numpy(x)[None], torch.from_numpy(y)[None]
    if gradient:
        x = x.clone().requires_grad_()
        begin = time.perf_counter()
        value = TORCH[task](x, y)
        value.backward()
        return time.perf_counter() - begin, value.item()
    with torch.no_grad():
        begin = time.perf_counter()
        value = TORCH[task](x, y)
        return time.perf_counter() - begin, value.item()


for line in sys.stdin:
    try:
        seconds, value = run(json.loads(line))
        answer = {"seconds": seconds, "value": float(value)}
    except Exception as error:  # the benchmark shows what went wrong and goes on
        answer = {"error": f"{type(error).__name__}: {error}"}
    print(json.dumps(answer), flush=True)
