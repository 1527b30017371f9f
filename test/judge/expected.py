"""Makes scipy.json, the intervals and p values that test/judge/statistics.test.ts expects: python3 test/judge/expected.py

scipy draws its bootstrap samples from the generator that the program has, mulberry32, so that both compute with the same samples.
Signed-rank tests with ties are held against all choices of signs, since scipy's exact distribution does not know ties.
"""

import itertools
import json
import pathlib

import numpy
import scipy
from scipy import stats

SEED = 7
RESAMPLES = 2999


class Mulberry32(numpy.random.Generator):
    """The whole numbers of `Random.below` of @reconloss/core."""

    def __init__(self, seed):
        super().__init__(numpy.random.PCG64(0))
        self.seed = seed

    def integers(self, low, high=None, size=None, dtype=numpy.int64, endpoint=False):
        count = numpy.prod(size, dtype=int)
        with numpy.errstate(over="ignore"):
            t = (numpy.arange(1, count + 1, dtype=numpy.uint64) * 0x6D2B79F5 + self.seed).astype(numpy.uint32)
            t = (t ^ (t >> 15)) * (t | numpy.uint32(1))
            t = t ^ (t + (t ^ (t >> 7)) * (t | numpy.uint32(61)))
            t = t ^ (t >> 14)
        uniform = (t.astype(float) + 1) / 2**32
        return numpy.minimum(high - 1, numpy.floor(uniform * high)).astype(dtype).reshape(size)


def interval(values, statistic, confidence):
    result = stats.bootstrap(
        (numpy.array(values),),
        statistic,
        n_resamples=RESAMPLES,
        confidence_level=confidence,
        method="BCa",
        vectorized=True,
        random_state=Mulberry32(SEED),
    )
    return list(result.confidence_interval)


def decibels(squares, axis=-1):
    return -10 * numpy.log10(numpy.mean(squares, axis=axis))


def all_signs(differences):
    """The two-sided p over all choices of signs, with mean ranks for ties and without zeros."""
    signed = numpy.array([d for d in differences if d != 0])
    ranks = stats.rankdata(numpy.abs(signed))
    positive = ranks[signed > 0].sum()
    sums = numpy.array([numpy.dot(signs, ranks) for signs in itertools.product([0, 1], repeat=len(ranks))])
    return min(1, 2 * min((sums <= positive).mean(), (sums >= positive).mean()))


def exact(values):
    """Rounded so that sums have no rounding: resamples that are equal are equal in both programs."""
    return [round(float(v) * 2**16) / 2**16 for v in values]


random = numpy.random.default_rng(24)
cases = []
for name, count, shift, step in [
    ("5 images", 5, 0.3, None),
    ("14 images, ties and zeros", 14, 0.5, 0.5),
    ("44 images", 44, 0.1, None),
    ("50 images", 50, 0.2, None),
    ("51 images", 51, 0.2, None),
    ("120 images, ties and zeros", 120, 0.1, 0.25),
]:
    a = exact(random.normal(30, 4, count))
    d = random.normal(shift, 1, count)
    d = exact(d if step is None else numpy.round(d / step) * step)
    b = [x - y for x, y in zip(a, d)]
    ties = step is not None
    assert ties or len({abs(x) for x in d} - {0}) == count
    if ties and count <= 20:
        p, how = all_signs(d), "all signs"
    else:
        kind = "exact" if count <= 50 else "approx"
        p = stats.wilcoxon(d, zero_method="wilcox", correction=False, mode=kind).pvalue
        how = f"scipy, {kind}"
    cases.append(
        {
            "name": name,
            "a": a,
            "b": b,
            "wilcoxon": {"p": float(p), "how": how},
            "mean": float(numpy.mean(a)),
            "intervals": {str(c): interval(a, numpy.mean, c) for c in (0.95, 0.8)},
            "difference": interval(d, numpy.mean, 0.95),
        }
    )

squares = exact(random.gamma(2, 20, 24))
normal = [
    {"x": x, "below": float(stats.norm.cdf(x)), "beyond": float(2 * stats.norm.sf(abs(x)))}
    for x in (-8, -5, -3, -2.9, -1, -0.25, 0, 0.5, 1.959963984540054, 3, 4.5, 12, 30)
]
quantiles = [{"share": q, "x": float(stats.norm.ppf(q))} for q in (1e-12, 0.001, 0.025, 0.3, 0.5, 0.8, 0.975, 0.999)]
expected = {
    "scipy": scipy.__version__,
    "seed": SEED,
    "resamples": RESAMPLES,
    "cases": cases,
    "pooled": {"squares": squares, "interval": interval(squares, decibels, 0.95), "value": float(decibels(squares))},
    "normal": normal,
    "quantiles": quantiles,
}
path = pathlib.Path(__file__).with_name("scipy.json")
path.write_text(json.dumps(expected, indent=1) + "\n")
