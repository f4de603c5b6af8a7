"""One op alone on a small device, in any tiling: what the search predicts for it, and the Program that it becomes."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

from hypothesis import strategies as st

from cosim.graph.builder import Builder
from cosim.graph.graph import Graph
from cosim.graph.space import Role, Space
from cosim.hardware.hardware import Hardware
from cosim.hardware.load import load_hardware
from cosim.mapping.assignment import assign
from cosim.mapping.build import build
from cosim.mapping.choose import Choice
from cosim.mapping.objective import OBJECTIVES
from cosim.mapping.placement import spans
from cosim.mapping.pool import Pool
from cosim.mapping.problem import Problem
from cosim.mapping.search import Room, Search
from cosim.mapping.trial import Trial
from cosim.program.plan import Hold, Mapping, Tiling
from tests.mapping.networks import KINDS, int8_formats

OURS = '"made for the tests"'
KIND = f"technology: sram, banks: 1, width: 64 bit, source: {OURS}"
ARRAYS = {
    "mac": "kind: mac_array, unroll: {K: 4, C: 4}",
    "two": "kind: mac_array, unroll: {K: 4, C: 4}, unroll_depthwise: {G: 4, OX: 4}",
    "os": "kind: systolic_array, rows: 4, cols: 4, dataflow: os",
    "ws": "kind: systolic_array, rows: 4, cols: 2, dataflow: ws",
    "is": "kind: systolic_array, rows: 2, cols: 4, dataflow: is, overlap_fill: true",
    "none": "",
}


def small(
    array: str = "mac",
    *,
    sram: int = 4096,
    accumulator: int = 2048,
    bandwidth: int = 4,
    latency: int = 3,
    setup: int = 0,
    array_setup: int = 0,
    is_shared: bool = False,
    weights: int = 0,
    sums_in_sram: bool = False,
    main_unit: int = 1,
    array_port: int = 1048576,
    array_unit: int = 0,
    crosses: bool = False,
    blocking: bool = False,
    priority: int = 0,
) -> Hardware:
    """A device of one array and one vector unit at 1 GHz; sizes [byte], bandwidth [byte/cycle], the rest [cycle].

    Loads and stores have ports of their own unless they share one (`is_shared`). Ports to the array are wide. With
    `weights` [byte] constants have a memory and a DMA engine of their own, which shares the port of the other loads.
    The port to the array carries `array_port` [byte/cycle] in units of `array_unit` [byte]; moves cross it too if
    `crosses`. The array computes after its data have come if it is `blocking`, and stores go first with `priority`.
    """
    port = f"bandwidth: {bandwidth} B/cycle, clock: core, burst: {main_unit} B, latency: {latency} cycles"
    out = "in" if is_shared else "out"
    wide = f"bandwidth: {array_port} B/cycle, clock: core, burst: {array_unit or array_port} B"
    also = ", sram.array" if crosses else ""
    lines = [
        "schema: 1", "name: npu/small", "summary: small", "technology: cmos-16nm", "main_memory: dram",
        f"source: {OURS}", "clocks:", f"  core: {{frequency: 1 GHz, voltage: 0.8 V, source: {OURS}}}",
        "memories:",
        f"  dram: {{size: 1 MiB, technology: lpddr4, source: {OURS}, ports: {{in: {{{port}}}, out: {{{port}}}}}}}",
        f"  sram: {{size: {sram} B, {KIND}, ports: {{array: {{{wide}}}}}}}",
        f"  accumulator: {{size: {accumulator} B, {KIND}, ports: {{}}}}",
    ]  # fmt: skip
    storing = f"setup: {setup} cycles, priority: {priority}, source: {OURS}"
    if weights:
        lines.append(f"  registers: {{size: {weights} B, {KIND}, ports: {{}}}}")
    lines += [
        "engines:",
        f"  load: {{kind: dma, clock: core, from: dram, to: sram, via: [dram.in{also}], setup: {setup} cycles, source: {OURS}}}",
        f"  store: {{kind: dma, clock: core, from: sram, to: dram, via: [dram.{out}{also}], {storing}}}",
    ]
    if weights:
        lines.append(
            f"  load_weights: {{kind: dma, clock: core, from: dram, to: registers, via: [dram.in],"
            f" setup: {setup} cycles, source: {OURS}}}"
        )
    how = "blocking" if blocking else "streamed"
    common = (
        f"clock: core, operands: sram, via: [sram.array], overlap: {how}, setup: {array_setup} cycles, source: {OURS}"
    )
    sums = "sram" if sums_in_sram else "accumulator"
    more = ", weights: registers" if weights else ""
    if ARRAYS[array]:
        lines.append(f"  array: {{{ARRAYS[array]}, formats: [int8], accumulators: {sums}{more}, {common}}}")
    lines.append(f"  vector: {{kind: vector_unit, lanes: 4, formats: [int8, int32], {common}}}")
    return load_hardware("\n".join(lines))


@st.composite
def devices(
    draw: st.DrawFn, *, is_shared: bool | None = False, setup: bool = False, two_engines: bool = False
) -> Hardware:
    """Small devices with room for nearly anything that `single_ops` makes; `two_engines`: loads by two DMA engines."""
    array = draw(st.sampled_from(["mac", "two"] if two_engines else sorted(ARRAYS)))
    return small(
        array,
        sram=draw(st.sampled_from([2048, 8192])),
        accumulator=draw(st.sampled_from([1024, 8192])),
        bandwidth=draw(st.sampled_from([1, 4, 16])),
        latency=0 if two_engines else draw(st.integers(0, 20)),
        setup=draw(st.integers(0, 9)) if setup and not two_engines else 0,
        array_setup=draw(st.integers(0, 9)),
        is_shared=draw(st.booleans()) if is_shared is None else is_shared,
        weights=2048 if two_engines else 0,
        sums_in_sram=draw(st.booleans()),
    )


@st.composite
def narrow_devices(draw: st.DrawFn) -> Hardware:
    """Small devices on which everything may be in the way of everything else."""
    array = draw(st.sampled_from(["mac", "two"]))
    return small(
        array,
        sram=8192,
        accumulator=8192,
        bandwidth=draw(st.sampled_from([1, 3, 16])),
        latency=draw(st.integers(0, 9)),
        setup=draw(st.integers(0, 5)),
        array_setup=draw(st.integers(0, 3)),
        is_shared=draw(st.booleans()),
        weights=draw(st.sampled_from([0, 2048])),
        main_unit=draw(st.sampled_from([1, 4, 8])),
        array_port=draw(st.sampled_from([1, 4, 16])),
        array_unit=draw(st.sampled_from([1, 2, 16])),
        crosses=draw(st.booleans()),
        blocking=draw(st.booleans()),
        priority=draw(st.integers(0, 1)),
    )


@st.composite
def single_ops(draw: st.DrawFn, most: int = 9, kinds: tuple[str, ...] = (), *, is_coded: bool = True) -> Graph:
    """One op with extents up to `most`, in int8 without values, or (not `is_coded`) in float."""
    build = Builder("single", seed=0)
    small_sizes = st.integers(1, most)
    every = (
        "conv", "stride", "grouped", "depthwise", "transposed", "linear", "matmul", "add", "concat", "pool", "softmax",
        "transpose",
    )  # fmt: skip
    kind = draw(st.sampled_from(kinds or every))
    if kind == "linear":
        shape: tuple[int, ...] = (draw(small_sizes), draw(small_sizes))
        x = build.input("input", shape)
        y = build.linear(x, draw(small_sizes), bias=draw(st.booleans()))
    elif kind == "matmul":
        m, k, n = draw(small_sizes), draw(small_sizes), draw(small_sizes)
        y = build.op("matmul", [build.input("a", (2, m, k)), build.input("b", (2, k, n))])
    else:
        channels, height, width = (
            draw(small_sizes),
            draw(st.integers(3, max(3, most))),
            draw(st.integers(3, max(3, most))),
        )
        x = build.input("input", (draw(st.integers(1, 2)), channels, height, width))
        if kind in ("conv", "stride", "grouped", "depthwise"):
            groups = {"depthwise": channels, "grouped": 2 if channels % 2 == 0 else 1}.get(kind, 1)
            out = groups * draw(st.integers(1, max(1, most // groups)))
            taps = draw(st.integers(1, 3))
            y = build.conv2d(
                x, out, (taps, draw(st.integers(1, 3))), stride=draw(st.integers(2, 3)) if kind == "stride" else 1,
                padding=draw(st.integers(0, 1)), groups=groups, bias=draw(st.booleans()),
            )  # fmt: skip
        elif kind == "transposed":
            y = build.conv_transpose2d(x, draw(small_sizes), 2, stride=draw(st.integers(1, 2)), bias=False)
        elif kind == "add":
            y = build.op("add", [x, build.input("other", build.shape(x))])
        elif kind == "concat":
            y = build.op("concat", [x, build.input("other", build.shape(x))], axis=1)
        elif kind == "pool":
            y = build.op("max_pool2d", [x], kernel=(2, 2), strides=(draw(st.integers(1, 2)),) * 2)
        elif kind == "softmax":
            y = build.op("softmax", [x], axis=1)
        else:
            y = build.op("transpose", [x], permutation=(0, 1, 3, 2))
    build.output(y)
    return int8_formats(build.build()) if is_coded else build.build()


def search_of(graph: Graph, hardware: Hardware) -> Search:
    """The search of the only op, everything of it in main memory."""
    (assignment,) = assign(graph, hardware, KINDS)
    op, engine = assignment.op, assignment.chosen
    staged = (engine.operands != hardware.main_memory,) * (len(op.inputs) + 1)
    return Search(Pool(op, graph, hardware, engine, KINDS[engine.kind]), staged)


def room_of(search: Search) -> Room:
    """All of every memory."""
    return Room(tuple((name, memory.size_bytes) for name, memory in search.hardware.memories.items()))


def mapping_of(search: Search, trial: Trial) -> Mapping:
    """The op alone in exactly the tiles of `trial`."""
    graph, hardware = search.graph, search.hardware
    choice = Choice({}, {}, spans(graph), {search.op.name: trial})
    return build(Problem.of(graph, hardware, KINDS), choice)


def best_of(graph: Graph, hardware: Hardware, objective: str = "latency") -> Trial:
    """What the search finds with all of every memory."""
    search = search_of(graph, hardware)
    return search.best(room_of(search), OBJECTIVES[objective])


def may_cut(search: Search) -> list[bool]:
    """Whether each loop may be cut at all."""
    cuts = search.kind.cuts(search.engine, search.op, search.graph)
    return [
        dim.role is not Role.WHOLE
        and number in cuts
        and (dim.role is not Role.REDUCTION or search.engine.accumulators is not None)
        for number, dim in enumerate(search.space.dims)
    ]


def is_allowed(space: Space, extents: tuple[tuple[int, ...], ...]) -> bool:
    """Whether no tile cuts a loop that another excludes."""
    return all(
        max(b - a for a, b in pairwise(extents[outer])) == 1 or len(extents[inner]) == 2
        for outer, inner in space.exclusive
    )


@st.composite
def tilings(draw: st.DrawFn, search: Search, most_tiles: int = 400) -> Tiling:
    """Any legal tiling: cuts anywhere, any order, level and slots."""
    cuts: list[tuple[int, ...]] = []
    left = most_tiles
    for dim, free in zip(search.space.dims, may_cut(search), strict=True):
        inside: list[int] = []
        if free and dim.size > 1:
            inside = sorted(draw(st.sets(st.integers(1, dim.size - 1), max_size=min(left - 1, dim.size - 1))))
        cuts.append((0, *inside, dim.size))
        left //= len(inside) + 1
    for outer, inner in search.space.exclusive:
        if len(cuts[outer]) - 1 < search.space.sizes[outer]:
            cuts[inner] = (0, search.space.sizes[inner])
    order = tuple(draw(st.permutations(range(len(cuts)))))
    holds: list[Hold | None] = [
        Hold(draw(st.integers(0, len(order))), draw(st.integers(1, 4))) if staged else None
        for staged in search.staged[:-1]
    ]
    holds.append(Hold(len(order), draw(st.integers(1, 4))) if search.staged[-1] else None)
    return Tiling(tuple(cuts), order, tuple(holds))


def without_notes(tiling: Tiling) -> Tiling:
    """The decisions alone."""
    return replace(tiling, estimate_fs=0, traffic_bytes=0, bound_fs=0)
