"""The decomposition written slowly, from the description of the authors' released code alone: numpy, one slice at a time."""

from __future__ import annotations

import numpy as np

RCOND = 1e-10


def power_of_two(c, highest=5):
    """Nearest 0 or +-2^p: of the two powers around a magnitude the nearer one, the lower one for a middle."""
    out = np.zeros_like(c)
    for place in np.ndindex(c.shape):
        magnitude = abs(c[place])
        if magnitude > 0:
            low = 2.0 ** (np.frexp(magnitude)[1] - 1)
            power = low if magnitude - low <= 2 * low - magnitude else 2 * low
            out[place] = np.sign(c[place]) * min(power, 2.0**highest)
    return out


def column_scales(c):
    """2 to the mean of what rounding adds to the logarithms of a column."""
    scales = np.zeros(c.shape[1])
    for j in range(c.shape[1]):
        logs = np.log2(np.abs(c[c[:, j] != 0, j]))
        if len(logs):
            scales[j] = 2.0 ** np.mean(np.rint(logs) - logs)
    return scales


def coefficients(w, theta, iterations, tolerance, *, by_rows, kept=None, scaled=False):
    """Real coefficients of a slice before the last rounding."""
    ce, last = w.copy(), np.zeros_like(w)
    for _ in range(iterations - 1):
        q = power_of_two(ce * column_scales(ce) if scaled else ce)
        if np.linalg.norm(q - last) <= tolerance:
            break
        last = q
        basis = np.linalg.lstsq(q, w, rcond=RCOND)[0]
        ce = np.linalg.lstsq(basis.T, w.T, rcond=RCOND)[0].T.copy()
        if by_rows:
            ce[np.abs(ce).sum(axis=1) < 5 * theta] = 0
        if kept is not None:
            order = np.argsort(-np.abs(ce).sum(axis=1), kind="stable")
            ce[order[kept:]] = 0
        ce[np.abs(ce) < theta] = 0
        if scaled and (column_scales(ce) == 0).any():
            ce, last, theta = w.copy(), np.zeros_like(w), theta / 2
    return ce * column_scales(ce) if scaled else ce


def windowed(ce, lowest, count=7):
    """Nearest of 0 and +-2^lowest .. +-2^(lowest + count - 1), the smaller one for a middle."""
    levels = np.array([0.0, *(2.0 ** (lowest + i) for i in range(count))])
    out = np.zeros_like(ce)
    for place in np.ndindex(ce.shape):
        distance = np.abs(levels - abs(ce[place]))
        out[place] = np.sign(ce[place]) * levels[np.argmin(distance)]
    return out


def best_window(ce):
    """Lowest exponent of the window of seven that is nearest in the sum of squares, of equals the highest."""
    if not ce.any():
        return 0
    top = np.frexp(np.abs(ce).max())[1]
    errors = [((np.abs(ce) - np.abs(windowed(ce, high - 6))) ** 2).sum() for high in range(top, top - 5, -1)]
    return top - int(np.argmin(errors)) - 6
