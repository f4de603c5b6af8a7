"""Depth-first groups beside op by op: `python tests/bench/bench_fusion.py` writes results/bench/fusion.*.

Four networks in int8 on npu/edge-256. Latency by the compiled timer, bytes at the ports of DRAM, MACs (what is
computed again is counted again); mapping time with an empty cache, CPU seconds of one thread, kernels compiled before.
"""

from __future__ import annotations

import csv
import os
import sys
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

from cosim.compress import compress  # noqa: E402 - the number of threads comes first
from cosim.library import load_graph, load_hardware  # noqa: E402
from cosim.mapping import TiledMapper  # noqa: E402
from cosim.plugin.registry import load_registry  # noqa: E402
from cosim.program.check import check  # noqa: E402
from cosim.program.plan import Mapping  # noqa: E402
from cosim.timing import compiled  # noqa: E402

RESULTS = Path(__file__).resolve().parents[2] / "results" / "bench"
COMMAND = "python tests/bench/bench_fusion.py"
NETWORKS = ("mobilenet_v2", "bert_base", "resnet50", "vit_tiny")
OTHERS = {"cache": False, "resident": "none"}  # groups alone: what stays between inferences has a table of its own
COLUMNS = ("network", "fuse", "latency_ms", "dram_bytes", "least_dram_bytes", "macs", "groups", "blocks", "map_cpu_s")


def main() -> None:
    """Measure and write the table."""
    kinds = load_registry()["engine_kinds"]
    hardware = load_hardware("npu/edge-256")
    TiledMapper().map(compress(load_graph("mobilenet_v2"), "int8", None, calibrate=False), hardware, kinds, OTHERS)
    rows: list[tuple[object, ...]] = []
    for network in NETWORKS:
        graph = compress(load_graph(network), "int8", None, calibrate=False)
        used = {name for op in graph.ops for name in op.inputs if op.kind.name != "gather"}
        least = sum(graph.tensors[name].bytes for name in {*graph.inputs, *graph.constants} & used)
        least += sum(graph.tensors[name].bytes for name in graph.outputs)
        for fuse in ("none", "auto"):
            start = time.process_time()
            mapping = TiledMapper().map(graph, hardware, kinds, {"fuse": fuse, **OTHERS})
            spent = time.process_time() - start
            check(mapping.program, graph)
            rows.append((network, fuse, *_figures(mapping, least), round(spent, 2)))
    RESULTS.mkdir(parents=True, exist_ok=True)
    with (RESULTS / "fusion.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(rows)
    text = "\n".join(_lines(rows))
    (RESULTS / "fusion.md").write_text(text, encoding="utf-8")
    sys.stdout.write(text)


def _figures(mapping: Mapping, least: int) -> tuple[object, ...]:
    program = mapping.program
    counts = program.services.actions[program.service].sum(axis=0).tolist()
    totals = dict(zip(program.actions, counts, strict=True))
    macs = sum(count for action, count in totals.items() if ".mac_" in action)
    groups = {plan.group: plan.blocks for plan in mapping.plan.ops if plan.group}
    latency = compiled.simulate(program).makespan_fs / 1e12
    dram = totals["dram.read_bytes"] + totals["dram.write_bytes"]
    return round(latency, 4), dram, least, macs, len(groups), sum(groups.values())


def _lines(rows: list[tuple[object, ...]]) -> list[str]:
    return [
        "# Depth-first groups",
        "",
        f"`{COMMAND}`. Int8 networks on npu/edge-256 (1 MiB SRAM). DRAM bytes are what its ports carry, host cores",
        "included; the least is every weight (but tables that are looked up), input and output once. MACs count what is",
        "computed again. Mapping time with an empty cache, kernels compiled before.",
        "",
        "| network | fuse | latency, ms | DRAM, MB | least, MB | MACs, M | groups | blocks | map, CPU s |",
        "|---|---|---|---|---|---|---|---|---|",
        *(
            f"| {network} | {fuse} | {latency} | {int(str(dram)) / 1e6:.2f} | {int(str(least)) / 1e6:.2f} | "
            f"{int(str(macs)) / 1e6:.1f} | {groups} | {blocks} | {spent} |"
            for network, fuse, latency, dram, least, macs, groups, blocks, spent in rows
        ),
        "",
    ]


if __name__ == "__main__":
    main()
