"""Small layers, machines and loop nests to draw from."""

from __future__ import annotations

from hypothesis import assume
from hypothesis import strategies as st

from cosim.compare.zigzag.layer import DIMS, Layer
from cosim.compare.zigzag.machine import Memory, ZigZagMachine
from cosim.compare.zigzag.nest import Inside, Loop, LoopNest, room_taken
from cosim.compare.zigzag.tile import passes
from cosim.errors import InfeasibleError


def small_machine(register_bits=32, sram_bits=4096, prices=(0.1, 0.1, 0.02, 0.02, 40.0, 30.0, 70.0, 75.0)):
    """A 2 x 2 array with small memories and narrow words."""
    w_read, w_write, o_read, o_write, s_read, s_write, d_read, d_write = prices
    return ZigZagMachine(
        2,
        2,
        0.04,
        weight_register=Memory(register_bits, w_read, w_write, 8, 8),
        output_register=Memory(16, o_read, o_write, 16, 16),
        sram=Memory(sram_bits, s_read, s_write, 16, 64),
        dram=Memory(10**9, d_read, d_write, 32, 32),
    )


LARGEST = {"N": 2, "K": 4, "C": 3, "OY": 3, "OX": 7, "FY": 2, "FX": 3}  # trips along each loop


@st.composite
def machines(draw):
    """Small machines whose memories bind and whose prices may be in any relation."""
    prices = tuple(draw(st.sampled_from([0.02, 0.5, 3.0, 40.0, 300.0])) for _ in range(8))
    return small_machine(draw(st.sampled_from([8, 16, 32, 96])), draw(st.sampled_from([96, 160, 320, 4096])), prices)


@st.composite
def layers(draw, largest=48):
    """Layers of at most `largest` iterations on the 2 x 2 array."""
    left, trips = largest, dict.fromkeys(DIMS, 1)
    for dim in draw(st.permutations(DIMS)):
        trips[dim] = draw(st.integers(1, min(LARGEST[dim], left)))
        left //= trips[dim]
    if trips["C"] * trips["FY"] * trips["FX"] == 1:
        trips["C"] = 2  # outputs that sum nothing up are narrower: the search leaves those to others
    broken = {dim: draw(st.integers(0, 1)) for dim in ("K", "C")}  # the last pass of the array half empty
    sizes = tuple(2 * trips[dim] - broken[dim] if dim in broken else trips[dim] for dim in DIMS)
    stride = (draw(st.integers(1, 2)), draw(st.integers(1, 3)))
    layer = Layer("drawn", sizes, stride, dilation=(1, draw(st.integers(1, 2))))
    padding = draw(st.integers(0, 1))
    extent = tuple(max(1, layer.window(axis)[2] - padding) for axis in (0, 1))
    return Layer("drawn", sizes, stride, layer.dilation, extent)


@st.composite
def nests(draw):
    """Legal nests, with loops that are cut."""
    machine, layer = small_machine(), draw(layers())
    loops, edge = [], [1] * len(DIMS)
    whole = passes(layer, machine)
    while edge != list(whole):
        dim = draw(st.sampled_from([at for at in range(len(DIMS)) if edge[at] < whole[at]]))
        wider = [wide for wide in range(edge[dim] + 1, whole[dim] + 1) if wide % edge[dim] == 0 or wide == whole[dim]]
        wanted = draw(st.sampled_from(wider))
        loops.append(Loop(DIMS[dim], -(-wanted // edge[dim])))
        edge[dim] = wanted
    bounds = [draw(st.integers(0, len(loops))) for _ in range(4)]
    register, sram = sorted(bounds[:2])
    try:
        nest = LoopNest(layer, machine, tuple(loops), Inside(bounds[2], bounds[3], register, sram))
    except InfeasibleError:
        assume(False)
    assert all(held <= room for _, held, room in room_taken(nest))
    return nest
