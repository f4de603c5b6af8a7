"""Records what frameworks compute: `python -m tests.parity.record` writes tests/golden/numerics/*.npz.

What belongs to a framework that is not installed is kept as it was recorded.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np

from cosim.formats import Encoding
from tests.parity.cases import graph_of
from tests.parity.groups import GROUPS

FOLDER = Path(__file__).resolve().parent.parent / "golden" / "numerics"


def packed(graph, codes):
    """A one-op graph and its codes as a JSON line and arrays."""
    op = graph.ops[0]
    arrays = {f"codes_{n}": v for n, v in codes.items()}
    arrays |= {f"constant_{n}": c.array() for n, c in graph.constants.items()}
    encodings = {}
    for name in (*op.inputs, "y"):
        code = graph.tensors[name].encoding
        encodings[name] = [code.format, code.bits, code.axis]
        if code.scale is not None and code.format != "int32":
            arrays[f"scale_{name}"] = np.asarray(code.scale, np.float32)
            arrays[f"zero_{name}"] = np.asarray(code.zero_point, np.int16)
    shapes = {n: list(graph.tensors[n].shape) for n in op.inputs}
    line = {"kind": op.kind.name, "attributes": dict(op.attributes), "encodings": encodings, "shapes": shapes}
    return json.dumps(line), arrays


def unpacked(line, arrays, arithmetic):
    """The graph and codes of `packed`; the scales of a bias are those of its operands."""
    made = json.loads(line)
    names = list(made["shapes"])
    codes = {}
    for name, (form, bits, axis) in made["encodings"].items():
        if f"scale_{name}" in arrays:
            scale = arrays[f"scale_{name}"].astype(np.float64)
            codes[name] = Encoding(form, bits, scale, arrays[f"zero_{name}"].astype(np.int64), axis)
        elif form == "int32":
            scale = np.broadcast_to(codes["x0"].scale * codes["x1"].scale, tuple(made["shapes"][name])).copy()
            codes[name] = Encoding(form, bits, scale, np.zeros(scale.shape, np.int64), axis)
        else:
            codes[name] = Encoding(form, bits)
    constants = {i: arrays[f"constant_{n}"] for i, n in enumerate(names) if f"constant_{n}" in arrays}
    attributes = {k: tuple(v) if isinstance(v, list) else v for k, v in made["attributes"].items()}
    graph = graph_of(
        made["kind"], list(made["shapes"].values()), [codes[n] for n in names], codes["y"], constants, arithmetic,
        **attributes,
    )  # fmt: skip
    return graph, {n.removeprefix("codes_"): v for n, v in arrays.items() if n.startswith("codes_")}


def read(path):
    """Cases of a file: (JSON line, arrays, preset -> recorded codes)."""
    with np.load(path) as file:
        stored = dict(file.items())
    for index, line in enumerate(stored["lines"].tolist()):
        mine = {key.partition(":")[2]: v for key, v in stored.items() if key.startswith(f"{index}:")}
        recorded = {key.removeprefix("y:"): v for key, v in mine.items() if key.startswith("y:")}
        yield line, {key: v for key, v in mine.items() if not key.startswith("y:")}, recorded


def cases(name):
    """Distinct cases of a group: those of presets whose inputs are alike are one."""
    group, found = GROUPS[name], {}
    for preset in group.lines:
        for seed in (*range(group.seeds), *group.also.get(preset, ())):
            line, arrays = packed(*group.make(preset, seed))
            key = line + "".join(f"{k}{v.tobytes()}" for k, v in sorted(arrays.items()))
            found.setdefault(key, (line, arrays, []))[2].append(preset)
    return list(found.values())


def record(name):
    """Write the file of a group; returns the presets that were run."""
    from tests.parity.engines import engine

    path = FOLDER / f"{name}.npz"
    old = list(read(path)) if path.exists() else []
    stored, ran = {}, set()
    lines = []
    for index, (line, arrays, presets) in enumerate(cases(name)):
        lines.append(line)
        stored |= {f"{index}:{key}": value for key, value in arrays.items()}
        for preset in presets:
            try:
                run = engine(preset, qdq=GROUPS[name].qdq)
            except ImportError:
                if index < len(old) and old[index][0] == line and preset in old[index][2]:
                    stored[f"{index}:y:{preset}"] = old[index][2][preset]
                continue
            stored[f"{index}:y:{preset}"] = run(*unpacked(line, arrays, preset))
            ran.add(preset)
    np.savez_compressed(path, lines=np.array(lines), **stored)
    return ran


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for group in sys.argv[1:] or GROUPS:
        print(group, *sorted(record(group)))
