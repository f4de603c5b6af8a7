"""Mappings of ZigZag for tests/compare: run by the interpreter of its environment.

    python tests/bench/peers/zigzag_goldens.py tests/compare/zigzag_goldens.json

Two machines: `tpu_like` with ResNet-18 as shipped (one of each shape), and the same with small memories and layers
that do not divide the array, so that tiles, sums and outputs travel. Per layer: the mapping of each objective with
its accesses, and a fixed sample of all that were evaluated.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parent))

from zigzag_points import INPUTS, collected

SAMPLE = 5
SMALL = {"rf_128B": 96, "sram_2MB": 262_144}  # bits
SHAPES = [  # name, K, C, OY, OX, FY, FX, stride, padding
    ("odd channels", 70, 48, 12, 10, 3, 3, 1, 1),
    ("stride two", 100, 33, 9, 15, 3, 3, 2, 1),
    ("five by one", 64, 3, 24, 18, 5, 1, 1, 0),
    ("pointwise, stride two", 96, 160, 14, 14, 1, 1, 2, 0),
    ("deep", 512, 512, 7, 7, 3, 3, 1, 1),
    ("wide", 64, 64, 56, 56, 3, 3, 1, 1),
    ("strips", 32, 32, 64, 64, 3, 3, 1, 1),
    ("strips, stride two", 32, 24, 48, 32, 5, 3, 2, 1),
    ("nothing to sum", 64, 1, 12, 10, 1, 1, 1, 0),
]


def small_machine() -> dict[str, Any]:
    """`tpu_like` with the memories of SMALL."""
    machine = yaml.safe_load((INPUTS / "hardware" / "tpu_like.yaml").read_text("utf-8"))
    for name, bits in SMALL.items():
        machine["memories"][name]["size"] = bits
    return machine


def convolution(number: int, shape: tuple[Any, ...]) -> dict[str, Any]:
    """One layer in ZigZag's own description."""
    name, k, c, oy, ox, fy, fx, stride, padding = shape
    return {
        "id": number,
        "name": name,
        "operator_type": "Conv",
        "equation": "O[b][g][k][oy][ox]+=W[g][k][c][fy][fx]*I[b][g][c][iy][ix]",
        "dimension_relations": [f"ix={stride}*ox+1*fx", f"iy={stride}*oy+1*fy"],
        "loop_dims": ["B", "K", "G", "OX", "OY", "C", "FX", "FY"],
        "loop_sizes": [1, k, 1, ox, oy, c, fx, fy],
        "operand_precision": {"W": 8, "I": 8, "O": 16, "O_final": 8},
        "pr_loop_dims": ["IX", "IY"],
        "pr_loop_sizes": [stride * (ox - 1) + fx - 2 * padding, stride * (oy - 1) + fy - 2 * padding],
        "padding": [[padding, padding], [padding, padding]],
        "operand_source": {"I": 0, "W": number},
    }


def points(workload: str, hardware: str, objectives: list[str]) -> dict[str, Any]:
    """What `zigzag_points` collects for one network on one machine."""
    return collected(
        argparse.Namespace(opt=objectives, workload=workload, hardware=hardware, mapping="tpu_like.yaml", lpf_limit=6)
    )


def sampled(document: dict[str, Any], memory_bits: dict[str, int]) -> dict[str, Any]:
    """One layer of each shape with a few of its mappings."""
    layers: dict[str, Any] = {}
    for layer in document["layers"]:
        shape = json.dumps([layer["dims"], layer["strides"]])
        some = random.Random(0).sample(layer["points"], min(SAMPLE, len(layer["points"])))
        chosen = {
            objective: {
                "energy_pj": one["energy_pj"],
                "latency_cycles": one["latency_cycles"],
                "mapping": one["mapping"],
                "accesses": one["parts"]["accesses"],
            }
            for objective, one in layer["chosen"].items()
        }
        kept = ("name", "dims", "input_dims", "strides", "precision_bits", "macs")
        layers.setdefault(shape, {key: layer[key] for key in kept} | {"chosen": chosen, "sample": some})
    return {"memory_bits": memory_bits, "layers": list(layers.values())}


def main() -> None:
    parser = argparse.ArgumentParser(description="goldens of ZigZag for tests/compare")
    parser.add_argument("out", type=Path)
    out: Path = parser.parse_args().out
    network = points("resnet18.onnx", "tpu_like.yaml", ["energy", "latency"])
    with tempfile.TemporaryDirectory() as folder:
        workload, hardware = Path(folder) / "layers.yaml", Path(folder) / "small.yaml"
        layers = [convolution(number, shape) for number, shape in enumerate(SHAPES)]
        workload.write_text(yaml.safe_dump(layers), "utf-8")
        hardware.write_text(yaml.safe_dump(small_machine(), sort_keys=False), "utf-8")
        odd = points(str(workload), str(hardware), ["energy"])
    document = {
        "tool": network["tool"],
        "version": network["version"],
        "command": "python tests/bench/peers/zigzag_goldens.py tests/compare/zigzag_goldens.json",
        "machines": [
            sampled(network, {"weight_register": 1024, "sram": 16_777_216}),
            sampled(odd, {"weight_register": SMALL["rf_128B"], "sram": SMALL["sram_2MB"]}),
        ],
    }
    lines = json.dumps(document, indent=None, separators=(",", ":")).replace('{"name"', '\n{"name"')
    out.write_text(lines + "\n", "utf-8")


if __name__ == "__main__":
    main()
