"""Numbers to compare encoders on: random fp32 patterns, and every bound of a code book with its neighbours."""

from __future__ import annotations

import numpy as np


def random_patterns(n, *, seed=0, finite=False):
    """fp32 numbers of all exponents, subnormals, infinities and NaN among them, shape (n,)."""
    bits = np.random.default_rng(seed).integers(0, 1 << 32, n, dtype=np.uint64).astype(np.uint32)
    values = bits.view(np.float32)
    return values[np.isfinite(values)] if finite else values


def around(bounds, *, reach=2):
    """Bounds that are fp32 numbers, their neighbours on both sides, and numbers that differ in one lower bit."""
    exact = np.asarray(bounds, np.float64)
    exact = exact[np.abs(exact) < 1e38].astype(np.float32)
    found = [exact]
    up, down = exact, exact
    for _ in range(reach):
        up, down = np.nextafter(up, np.float32(np.inf)), np.nextafter(down, np.float32(-np.inf))
        found += [up, down]
    bits = exact.view(np.uint32)
    found += [(bits ^ np.uint32(1 << place)).view(np.float32) for place in range(20)]
    return np.concatenate(found)


def moderate(n, *, seed=1):
    """Normal numbers times powers of two: where formats have their levels, shape (n,)."""
    rng = np.random.default_rng(seed)
    return (rng.normal(size=n) * 2.0 ** rng.integers(-14, 12, n)).astype(np.float32)


SPECIAL = np.array([0.0, -0.0, 1e-45, -1e-45, 1.2e-38, 3.4e38, -3.4e38, np.inf, -np.inf], np.float32)


def million(book):
    """About 10^6 numbers: half random patterns, half of moderate size, every bound and special number."""
    return np.concatenate([random_patterns(500_000), moderate(500_000), around(book.bounds), SPECIAL])


def widened(values):
    """fp64 of fp32 numbers; a signalling NaN is quieted without a warning."""
    with np.errstate(invalid="ignore"):
        return values.astype(np.float64)


def same_numbers(found, wanted):
    """Equal as numbers, signs of zero included, NaN for NaN; payloads and signs of NaN are nobody's business."""
    found, wanted = np.asarray(found, np.float32), np.asarray(wanted, np.float32)
    nan = np.isnan(wanted)
    np.testing.assert_array_equal(np.isnan(found), nan)
    np.testing.assert_array_equal(found[~nan].view(np.uint32), wanted[~nan].view(np.uint32))
