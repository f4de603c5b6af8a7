"""A plan for a build: offsets as JSON, and as a C header."""

from __future__ import annotations

import re
from typing import Any

from cosim.arena.block import steps
from cosim.arena.plan import Arena


def as_json(arena: Arena) -> dict[str, Any]:
    """Everything of a plan as plain values."""
    order = steps(arena.graph)
    pairs = zip(arena.blocks, arena.placed.offsets, strict=True)
    return {
        "network": arena.graph.name,
        "stack": arena.stack.name,
        "arena_bytes": arena.placed.peak,
        "is_optimal": arena.placed.is_optimal,
        "scratch_bytes": arena.scratch_bytes,
        "kernel_bytes": arena.kernel_bytes,
        "sram_bytes": arena.peak_bytes,
        "flash_bytes": arena.flash_bytes,
        "flash": {"weights": arena.weight_bytes, "tables": arena.table_bytes, "code": arena.code_bytes},
        "patches": None
        if arena.stage is None
        else {
            "output": arena.stage.output,
            "patches": len(arena.stage.patches),
            "extra_macs": arena.stage.extra_macs,
        },
        "peak": {
            "op": order[arena.peak_step].name if order else "",
            "blocks": [
                {"tensor": block.tensors[0], "offset_bytes": offset, "size_bytes": size}
                for block, offset, size in arena.alive(arena.peak_step)
            ],
        },
        "blocks": [
            {
                "tensors": list(block.tensors),
                "offset_bytes": offset,
                "size_bytes": block.size,
                "first_op": order[block.first].name,
                "last_op": order[block.last].name,
            }
            for block, offset in pairs
        ],
    }


def as_header(arena: Arena) -> str:
    """A C header with the size of the arena and the offset of every activation."""
    prefix = _name(arena.graph.name).upper()
    lines = [
        f"/* Activations of {arena.graph.name} in one arena; stack {arena.stack.name}. */",
        f"#ifndef {prefix}_ARENA_H",
        f"#define {prefix}_ARENA_H",
        "",
        f"#define {prefix}_ARENA_BYTES {arena.placed.peak}u",
        f"#define {prefix}_SCRATCH_BYTES {arena.scratch_bytes}u",
        f"#define {prefix}_KERNEL_BYTES {arena.kernel_bytes}u",
        "",
    ]
    seen: dict[str, int] = {}
    for tensor, offset in sorted(arena.offsets.items(), key=lambda pair: (pair[1], pair[0])):
        name = _name(tensor).upper()
        seen[name] = seen.get(name, 0) + 1
        unique = name if seen[name] == 1 else f"{name}_{seen[name]}"  # two names may differ in signs alone
        size = arena.graph.tensors[tensor].bytes
        lines.append(f"#define {prefix}_AT_{unique} {offset}u /* {size} bytes */")
    return "\n".join([*lines, "", "#endif", ""])


def _name(text: str) -> str:
    """`text` as a C identifier."""
    return re.sub(r"\W+", "_", text, flags=re.ASCII).strip("_") or "_"
