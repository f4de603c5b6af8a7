"""Engines that a file with nothing but an array lacks: other ops have to run somewhere, and are not free."""

from __future__ import annotations

from typing import Any

FORMATS = ("int8", "int16", "int32", "fp32")


def fallback_engines(lanes: int, *, operands: str, main: str, port: str) -> dict[str, Any]:
    """A vector unit on the operand memory, and a host core on the main memory behind `port`; both assumed."""
    return {
        "vector": {
            "kind": "vector_unit",
            "clock": "core",
            "operands": operands,
            "formats": list(FORMATS),
            "lanes": lanes,
            "products": False,
            "setup": "0 cycles",
            "source": "assumed: one lane per column of the array; the file has no such unit",
        },
        "host": {
            "kind": "host_core",
            "clock": "core",
            "operands": main,
            "via": [port],
            "overlap": "blocking",
            "formats": [*FORMATS, "fp16"],
            "cycles_per_mac": 1,
            "cycles_per_element": 4,
            "setup": "2000 cycles",
            "source": "assumed: in-order core without SIMD; the file has no such unit",
        },
    }
