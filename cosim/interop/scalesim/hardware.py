"""`ConfigReader`: a SCALE-Sim configuration as a device: array, buffers, interfaces, and what the file leaves open."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cosim.errors import DescriptionError
from cosim.hardware.foreign import ForeignHardware
from cosim.interop.fallback import fallback_engines
from cosim.interop.scalesim.config import Config, is_config, read_config

# 1 MiB in 16 fs at 1 GHz: no transfer of a tile lasts as long as one cycle.
WITHOUT_LIMIT = {"bandwidth": "65536000000 B/cycle", "burst": "1 MiB"}
TECHNOLOGY = "cmos-28nm"
SUM_BYTES = 4


class ConfigReader:
    """Sections ``general``, ``architecture_presets``, ``layout`` and ``run_presets``, as far as they overlap."""

    name = "scalesim"
    summary = "SCALE-Sim configurations, with a section [architecture_presets]"
    suffixes = (".cfg", ".ini")

    def claims(self, path: Path) -> bool:
        """Whether the section of the array is there."""
        return is_config(path)

    def read(self, path: Path, mapping: Path | None) -> ForeignHardware:
        """The device; the tool has no mapping files."""
        if mapping is not None:
            raise DescriptionError(
                "SCALE-Sim has no mapping files: its dataflow is the mapping", where=str(mapping), fix="leave it out"
            )
        config = read_config(path)
        return ForeignHardware(description(config, path.name), notes(config))


def description(config: Config, file: str) -> dict[str, Any]:
    """The device as a description of cosim's own."""
    source = f"SCALE-Sim configuration {file}"
    return {
        "schema": 1,
        "name": config.name,
        "summary": f"{config.rows} x {config.cols} systolic array ({config.dataflow}) of {file}",
        "technology": TECHNOLOGY,
        "main_memory": "dram",
        "source": source,
        "clocks": {"core": {"frequency": "1 GHz", "source": "assumed: the configuration counts cycles"}},
        "memories": {
            "dram": {
                "size": "4 GiB",
                "technology": "lpddr4",
                "ports": _interfaces(config),
                "source": "assumed: the configuration has bandwidths, no size and no kind of DRAM",
            },
            "feature_sram": _sram(config.ifmap_kib + config.ofmap_kib, config.cols, source),
            "filter_sram": _sram(config.filter_kib, config.cols, source),
            "sum_sram": _sram(config.ofmap_kib * SUM_BYTES, config.cols * SUM_BYTES, source),
        },
        "engines": _engines(config, source),
    }


def _interfaces(config: Config) -> dict[str, Any]:
    """Three ports that do not share anything, as the tool's three backing interfaces."""
    names = ("ifmap", "filter", "ofmap")
    if config.words_per_cycle is None:
        return {name: {**WITHOUT_LIMIT, "clock": "core", "latency": "0 cycles"} for name in names}
    return {
        name: {
            "bandwidth": f"{words} B/cycle",
            "burst": f"{1 << words.bit_length() - 1} B",
            "clock": "core",
            "latency": "0 cycles",
        }
        for name, words in zip(names, config.words_per_cycle, strict=True)
    }


def _sram(kib: int, width_bytes: int, source: str) -> dict[str, Any]:
    return {
        "size": f"{kib} KiB",
        "technology": "sram",
        "banks": 1,
        "width": f"{8 * max(1, width_bytes)} bit",
        "ports": {},
        "source": source,
    }


def _engines(config: Config, source: str) -> dict[str, Any]:
    def dma(start: str, end: str, port: str) -> dict[str, Any]:
        ends = {"from": start, "to": end, "via": [f"dram.{port}"]}
        return {"kind": "dma", "clock": "core", **ends, "setup": "0 cycles", "source": source}

    return {
        "dma_ifmap": dma("dram", "feature_sram", "ifmap"),
        "dma_filter": dma("dram", "filter_sram", "filter"),
        "dma_ofmap": dma("feature_sram", "dram", "ofmap"),
        "array": {
            "kind": "systolic_array",
            "clock": "core",
            "operands": "feature_sram",
            "weights": "filter_sram",
            "accumulators": "sum_sram",
            "formats": ["int8"],
            "rows": config.rows,
            "cols": config.cols,
            "dataflow": config.dataflow,
            "overlap_fill": False,
            "setup": "0 cycles",
            "source": source,
        },
        **fallback_engines(config.cols, operands="feature_sram", main="dram", port="dram.ifmap"),
    }


def notes(config: Config) -> tuple[str, ...]:
    """What was left out, taken as something near it, or assumed."""
    if config.words_per_cycle is None:
        interfaces = "InterfaceBandwidth is CALC: the interfaces have no limit, as in the tool"
    else:
        ifmap, filters, ofmap = config.words_per_cycle
        interfaces = (
            f"interfaces of {ifmap}, {filters} and {ofmap} bytes per cycle (inputs, filters, outputs): version 3 takes "
            "the first two from [layout]; each moves whole tiles, where the tool prefetches words in the array's order"
        )
    return (
        "clock: 1 GHz assumed; cycles do not depend on it",
        (
            f"IfmapSramSzkB + OfmapSramSzkB = {config.ifmap_kib} + {config.ofmap_kib} KiB hold inputs and outputs in one "
            "memory, and sums of 32 bit have as many words of their own: the tool's words have one byte, sums too"
        ),
        "an op that does not fit its buffers is cut into tiles, each with its own fill and drain; the tool cuts nothing",
        interfaces,
        f"the file has no energy: prices of {TECHNOLOGY} and LPDDR4 (assumed); choose by --set technology=...",
        (
            f"the file has an array alone: a vector unit of {config.cols} lanes and a host core added (assumed) for what is "
            "no product"
        ),
        *config.ignored,
    )
