"""`Result`: tidy tables of one run, saved and loaded as CSV and JSON."""

from cosim.result.one_call import run
from cosim.result.result import Result
from cosim.result.table import Table

__all__ = ["Result", "Table", "run"]
