"""Figures, tables, methods and citations of a result or a store, to put into a paper."""

from cosim.report.paper.write import check_targets, write_figures, write_tables

__all__ = ["check_targets", "write_figures", "write_tables"]
