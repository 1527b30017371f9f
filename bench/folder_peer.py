"""psnr, ssim, ms-ssim and CIEDE2000 of every pair of PNG files in two folders, with scikit-image; prints their means as JSON.

scikit-image has no ms-ssim: it is written here on the Gaussian filter that its ssim uses.
"""

import json
import os
import sys

import numpy as np
from scipy.ndimage import gaussian_filter
from skimage import color, io, metrics

WEIGHTS = [0.0448, 0.2856, 0.3001, 0.2363, 0.1333]
C1, C2 = 0.01**2, 0.03**2


def blur(x):
    return gaussian_filter(x, 1.5, truncate=3.5)[5:-5, 5:-5]


def ms_ssim(x, y):
    product = 1.0
    for scale, weight in enumerate(WEIGHTS):
        mx, my = blur(x), blur(y)
        sx, sy, sxy = blur(x * x) - mx * mx, blur(y * y) - my * my, blur(x * y) - mx * my
        cs = (2 * sxy + C2) / (sx + sy + C2)
        if scale == len(WEIGHTS) - 1:
            cs = cs * (2 * mx * my + C1) / (mx * mx + my * my + C1)
        product *= max(cs.mean(), 0) ** weight
        x, y = [z[: z.shape[0] & ~1, : z.shape[1] & ~1].reshape(z.shape[0] // 2, 2, z.shape[1] // 2, 2).mean((1, 3)) for z in (x, y)]
    return product


def measure(output, target):
    x, y = [io.imread(path).astype(np.float64) / 255 for path in (output, target)]
    return {
        "psnr": metrics.peak_signal_noise_ratio(y, x, data_range=1),
        "ssim": metrics.structural_similarity(
            y, x, data_range=1, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        ),
        "ms-ssim": float(np.mean([ms_ssim(x[..., c], y[..., c]) for c in range(3)])),
        "deltaE": float(color.deltaE_ciede2000(color.rgb2lab(y), color.rgb2lab(x)).mean()),
    }


outputs, targets = sys.argv[1:3]
rows = [measure(os.path.join(outputs, name), os.path.join(targets, name)) for name in sorted(os.listdir(outputs))]
print(json.dumps({key: float(np.mean([row[key] for row in rows])) for key in rows[0]}))
