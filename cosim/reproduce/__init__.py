"""Reproductions: a paper's figures beside cosim's own, as a folder that depends on nothing but code and seed."""

from cosim.reproduce.differences import Spread, spreads
from cosim.reproduce.run import Report, missing_extras, reproduce
from cosim.reproduce.save import MARKER, check_folder, save

__all__ = ["MARKER", "Report", "Spread", "check_folder", "missing_extras", "reproduce", "save", "spreads"]
