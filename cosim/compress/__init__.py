"""Compression: Graph to Graph with fewer ops or smaller formats."""

from cosim.compress.accuracy import AccuracyResult, accuracy
from cosim.compress.constants import FoldedBias, FoldedWeight, Quantized
from cosim.compress.fold import fold
from cosim.compress.int8 import int8
from cosim.compress.pipeline import BUILTIN, compress, parse
from cosim.compress.samples import samples_of, synthetic_samples

__all__ = [
    "BUILTIN",
    "AccuracyResult",
    "FoldedBias",
    "FoldedWeight",
    "Quantized",
    "accuracy",
    "compress",
    "fold",
    "int8",
    "parse",
    "samples_of",
    "synthetic_samples",
]
