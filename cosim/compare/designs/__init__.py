"""Several devices on equal terms: each scaled to one area, peak rate or power, then run on one network."""

from cosim.compare.designs.compare import Compared, Comparison, compare_designs
from cosim.compare.designs.terms import TERMS, Term

__all__ = ["TERMS", "Compared", "Comparison", "Term", "compare_designs"]
