"""Every mapping that ZigZag evaluates for a network, as plain data.

Run by the interpreter of an environment that has `zigzag-dse` and `six`; nothing of cosim is imported:

    python tests/bench/peers/zigzag_points.py OUT.json [--opt energy latency] [--lpf-limit 6]

The file holds, per layer: its dimensions, spatial unrolling and memories; the (latency, energy, mapping) of every
mapping that was evaluated; the Pareto front of those; and the mapping that each objective chose, with the parts of its
latency [cycle] and energy [pJ]. A mapping is one list of temporal loops from the innermost to the outermost, and per
operand and memory level (lowest first) how many of them lie inside that level: `allocated` as the search placed them,
`inside` after loops that do not touch the operand moved down, which is what latency and energy are computed from.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import zigzag
from zigzag import api
from zigzag.stages.evaluation.cost_model_evaluation import CostModelStage

INPUTS = Path(zigzag.__file__).parent / "inputs"


class Recorder:
    """Notes every evaluation that the tool makes, and keeps the evaluations that no other one dominates."""

    def __init__(self) -> None:
        self.points: dict[int, list[tuple[float, float, Any]]] = {}
        self.front: dict[int, list[Any]] = {}

    def note(self, evaluation: Any) -> None:
        layer = evaluation.layer.id
        mine = (evaluation.latency_total2, evaluation.energy_total)
        self.points.setdefault(layer, []).append((*mine, evaluation.temporal_mapping))
        kept = self.front.setdefault(layer, [])
        others = [(one.latency_total2, one.energy_total) for one in kept]
        if any(other[0] <= mine[0] and other[1] <= mine[1] for other in others):
            return
        kept[:] = [
            one for one, other in zip(kept, others, strict=True) if not (mine[0] <= other[0] and mine[1] <= other[1])
        ]
        kept.append(evaluation)

    def watch(self) -> None:
        """Listen at the stage that evaluates one mapping; what it yields is passed on unchanged."""
        original = CostModelStage.run
        note = self.note

        def run(stage: Any) -> Iterator[tuple[Any, Any]]:
            for evaluation, extra in original(stage):
                note(evaluation)
                yield evaluation, extra

        CostModelStage.run = run


def levels_of(loops: dict[Any, list[list[tuple[Any, int]]]]) -> dict[str, list[int]]:
    """Per operand, how many loops lie inside each memory level, lowest level first."""
    inside: dict[str, list[int]] = {}
    for operand, levels in loops.items():
        counts, total = [], 0
        for level in levels:
            total += len(level)
            counts.append(total)
        inside[str(operand)] = counts
    return inside


def mapping_of(temporal: Any) -> dict[str, Any]:
    """One mapping: its loops from the innermost to the outermost, and the boundaries of the memories."""
    orders = [[loop for level in levels for loop in level] for levels in temporal.mapping_dic_stationary.values()]
    if any(order != orders[0] for order in orders):
        raise SystemExit(f"operands disagree on the order of the loops: {orders}")
    return {
        "loops": [[str(dim), int(size)] for dim, size in orders[0]],
        "allocated": levels_of(temporal.mapping_dic_origin),
        "inside": levels_of(temporal.mapping_dic_stationary),
    }


def parts_of(evaluation: Any) -> dict[str, Any]:
    """The parts of the energy [pJ], the accesses (whole words of the port) and the parts of the latency [cycle]."""
    return {
        "mac_energy_pj": evaluation.mac_energy,
        "memory_energy_pj": {
            str(operand): [{str(way): energy.get(way) for way in energy.data} for energy in levels]
            for operand, levels in evaluation.mem_energy_breakdown_further.items()
        },
        "accesses": {
            str(operand): [{str(way): count.get(way) for way in count.data} for count in levels]
            for operand, levels in evaluation.memory_word_access.items()
        },
        "latency": {
            "temporal_cycles": evaluation.ideal_temporal_cycle,
            "stall_cycles": evaluation.stall_slack_comb,
            "onload_cycles": evaluation.data_onloading_cycle,
            "offload_cycles": evaluation.data_offloading_cycle,
            "systolic_drain_cycles": evaluation.systolic_drain_cycle,
        },
    }


def described(evaluation: Any) -> dict[str, Any]:
    """One evaluated mapping with everything that is needed to rebuild it and to check its numbers."""
    return {
        "latency_cycles": evaluation.latency_total2,
        "energy_pj": evaluation.energy_total,
        "mapping": mapping_of(evaluation.temporal_mapping),
        "parts": parts_of(evaluation),
    }


def layer_of(evaluation: Any) -> dict[str, Any]:
    """The layer: sizes, strides, input size without padding, precisions, unrolling, memories."""
    layer = evaluation.layer
    memories = evaluation.accelerator.memory_hierarchy
    return {
        "name": layer.name,
        "type": layer.type,
        "equation": layer.equation.data,
        "dims": {str(dim): int(size) for dim, size in layer.layer_dim_sizes.items()},
        "input_dims": {str(dim): int(size) for dim, size in layer.pr_layer_dim_sizes.items()},
        "strides": {
            str(dim): {str(loop): int(factor) for loop, factor in factors}
            for dim, factors in layer.pr_scaling_factors.items()
        },
        "padding": {str(dim): list(layer.padding[dim]) for dim in layer.pr_loop},
        "precision_bits": {str(operand): int(bits) for operand, bits in layer.operand_precision.data.items()},
        "macs": int(layer.total_mac_count),
        "memories": {
            str(operand): [level.name for level in memories.get_memory_levels(memory)]
            for operand, memory in layer.memory_operand_links.layer_and_mem_ops()
        },
        "array": {
            str(dim): {str(loop): float(size) for loop, size in unrolled.items()}
            for dim, unrolled in layer.spatial_mapping.items()
        },
        "spatial": {
            str(operand): [[[str(dim), float(size)] for dim, size in level] for level in levels]
            for operand, levels in evaluation.spatial_mapping.mapping_dict_origin.items()
        },
    }


def searched(arguments: argparse.Namespace, objective: str, folder: str) -> tuple[Recorder, dict[str, Any], list[Any]]:
    """One whole run of the tool: what it evaluated, its totals and its time, and the choice per layer."""
    recorder = Recorder()
    recorder.watch()
    cpu, wall = time.process_time(), time.perf_counter()
    energy, latency, summed = api.get_hardware_performance_zigzag(
        workload=str(INPUTS / "workload" / arguments.workload),
        accelerator=str(INPUTS / "hardware" / arguments.hardware),
        mapping=str(INPUTS / "mapping" / arguments.mapping),
        opt=objective,
        dump_folder=folder,
        lpf_limit=arguments.lpf_limit,
        loma_show_progress_bar=False,
    )
    run = {
        "cpu_s": time.process_time() - cpu,
        "wall_s": time.perf_counter() - wall,
        "energy_pj": energy,
        "latency_cycles": latency,
    }
    return recorder, run, [evaluation for evaluation, _ in summed[0][1]]


def collected(arguments: argparse.Namespace) -> dict[str, Any]:
    """The runs for every objective asked for, as one document."""
    runs: dict[str, Any] = {}
    layers: list[dict[str, Any]] = []
    original = CostModelStage.run
    for objective in arguments.opt:
        CostModelStage.run = original
        with tempfile.TemporaryDirectory() as folder:
            recorder, run, chosen = searched(arguments, objective, folder)
        runs[objective] = run
        for index, evaluation in enumerate(chosen):
            if index == len(layers):
                front = sorted(recorder.front[evaluation.layer.id], key=lambda one: one.latency_total2)
                points = [
                    {"latency_cycles": latency, "energy_pj": energy, "mapping": mapping_of(temporal)}
                    for latency, energy, temporal in recorder.points[evaluation.layer.id]
                ]
                layers.append(layer_of(evaluation) | {"chosen": {}, "front": [described(one) for one in front]})
                layers[index]["points"] = points
            layers[index]["chosen"][objective] = described(evaluation)
    return {
        "tool": "zigzag-dse",
        "version": version("zigzag-dse"),
        "python": sys.version.split()[0],
        "workload": arguments.workload,
        "hardware": arguments.hardware,
        "mapping": arguments.mapping,
        "lpf_limit": arguments.lpf_limit,
        "runs": runs,
        "layers": layers,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="every mapping that ZigZag evaluates, as JSON")
    parser.add_argument("out", type=Path)
    parser.add_argument("--opt", nargs="+", default=["energy", "latency"], choices=["energy", "latency", "EDP"])
    parser.add_argument("--lpf-limit", type=int, default=6)
    parser.add_argument("--workload", default="resnet18.onnx")
    parser.add_argument("--hardware", default="tpu_like.yaml")
    parser.add_argument("--mapping", default="tpu_like.yaml")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    document = collected(arguments)
    unfinished = arguments.out.with_name(arguments.out.name + ".part")
    unfinished.write_text(json.dumps(document), encoding="utf-8")
    unfinished.replace(arguments.out)


if __name__ == "__main__":
    main()
