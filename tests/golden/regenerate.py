"""Golden Programs as text. ``python tests/golden/regenerate.py`` writes them anew; read the difference before committing."""

from __future__ import annotations

from pathlib import Path

from cosim.mapping import TiledMapper
from cosim.program.listing import listing
from cosim.timing import compiled
from tests.mapping.networks import KINDS, device, residual

FOLDER = Path(__file__).parent


def texts() -> dict[str, str]:
    """File name -> listing of the Program and the end of every queue."""
    cases = {
        "residual_edge_256.txt": device(),
        "residual_tight.txt": device(sram="3 KiB", accumulator="1 KiB"),
        "residual_systolic.txt": device("npu/systolic-32x32", sram="6 KiB", accumulator="2 KiB"),
    }
    made = {}
    for name, hardware in cases.items():
        program = TiledMapper().map(residual(), hardware, KINDS, {}).program
        times = compiled.simulate(program)
        made[name] = listing(program, len(program)).rstrip() + f"\nmakespan {times.makespan_fs} fs\n"
    return made


if __name__ == "__main__":
    for name, text in texts().items():
        (FOLDER / name).write_text(text, encoding="utf-8")
