"""Rows of the zoo: networks that improve images."""

from __future__ import annotations

from cosim_workloads.row import Row

RESTORERS: dict[str, Row] = {
    **{
        f"espcn_x{factor}": (
            "restoration:espcn",
            {"factor": factor, "rows": rows, "columns": columns},
            f"ESPCN: {factor} times the rows and columns of {rows}x{columns} pixels.",
            "the paper",
        )
        for factor, rows, columns in ((2, 156, 240), (3, 104, 160), (4, 78, 120))
    },
    **{
        f"dncnn_{what}": (
            "restoration:dncnn",
            {"colours": colours, "rows": 321, "columns": 481},
            f"DnCNN, 20 layers, for images of {colours} x 321x481.",
            "the paper",
        )
        for what, colours in (("grey", 1), ("colour", 3))
    },
}
