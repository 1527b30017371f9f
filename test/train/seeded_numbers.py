"""Numbers that follow from a name alone, as test/seeded-weights.ts has them."""

import numpy as np


def uniform(name, count):
    seed = 0x811C9DC5
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x01000193) & 0xFFFFFFFF
    mask = np.uint64(0xFFFFFFFF)
    i = np.arange(1, count + 1, dtype=np.uint64)
    t = (np.uint64(seed) + i * np.uint64(0x6D2B79F5)) & mask
    t = ((t ^ (t >> np.uint64(15))) * (t | np.uint64(1))) & mask
    t = t ^ ((t + (((t ^ (t >> np.uint64(7))) * (t | np.uint64(61))) & mask)) & mask)
    t = (t ^ (t >> np.uint64(14))) & mask
    return t.astype(np.float64) / 2**32
