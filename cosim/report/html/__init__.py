"""`write_report`: one self-contained HTML page of a result, or of a store of designs."""

from cosim.report.html.write import read_report_source, write_report

__all__ = ["read_report_source", "write_report"]
