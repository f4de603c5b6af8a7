"""`check` against running programs at byte level under random and hostile timings.

The interpreter knows nothing of buffers' lives, cells or clocks: every byte carries the identity of the element or
of the partial sum that was stored in it, destinations are poisoned from start to end, sources must be right at the
start and at the end of each command.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.program import Content, Flag, findings
from cosim.program.clocks import blocking_services


class WrongDataError(Exception):
    """A command found other data than it needs, or the outputs are not all there."""


def timing(program, durations, delays):
    """Legal start and end of every command."""
    start, end = np.zeros(len(program), np.int64), np.zeros(len(program), np.int64)
    blocking = blocking_services(program.services)[program.service]
    last = {}
    for c in range(len(program)):
        before = last.get(int(program.queue[c]))
        earliest = 0
        if before is not None:
            earliest = end[before] if blocking[before] else start[before]
        for queue, count in program.waits(c):
            earliest = max(earliest, end[program.queue_order[program.queue_offset[queue] + count - 1]])
        start[c] = earliest + delays[c]
        end[c] = start[c] + durations[c] if before is None else max(start[c] + durations[c], end[before])
        last[int(program.queue[c])] = c
    return start, end


class Bytes:
    """The memories, and what the elements of each buffer are called."""

    def __init__(self, program, graph):
        self.program, self.graph, self.bytes = program, graph, {}
        for b in np.flatnonzero(program.buffers.preloaded).tolist():
            self.store(b, program.boxes.box(int(program.buffers.box[b])), None)

    def origin(self, name):
        """The tensor whose bytes a view shows: its elements have the same numbers."""
        producer = self.graph.producer.get(name)
        return self.origin(producer.inputs[0]) if producer and producer.kind.is_view else name

    def places(self, buffer, box):
        """Bytes of each element of `box`, and the elements' names."""
        table = self.program.buffers
        held = self.program.boxes.box(int(table.box[buffer]))
        name = self.program.tensors[table.tensor[buffer]]
        index = np.stack(np.meshgrid(*(np.arange(*side) for side in box), indexing="ij"), -1).reshape(-1, len(box))
        inside = np.ravel_multi_index(tuple((index - held[:, 0]).T), tuple(held[:, 1] - held[:, 0]))
        number = np.ravel_multi_index(tuple(index.T), self.graph.tensors[name].shape)
        size = int(table.bits[buffer]) // 8
        at = int(table.address[buffer]) + inside * size
        memory = int(table.memory[buffer])
        return [[(memory, a + i) for i in range(size)] for a in at.tolist()], [
            (self.origin(name), n) for n in number.tolist()
        ]

    def store(self, buffer, box, value, poison=False):
        """Write a box; `value` gives the sum of each element, None means final codes."""
        for where, name in zip(*self.places(buffer, box), strict=True):
            for part, byte in enumerate(where):
                content = "code" if value is None else value[name]
                self.bytes[byte] = None if poison else (name, content, part)

    def load(self, buffer, box, kind):
        """What the box holds; raise unless every byte is the right part of the right element."""
        values = {}
        for where, name in zip(*self.places(buffer, box), strict=True):
            stored = [self.bytes.get(byte) for byte in where]
            if any(s is None or s[0] != name or s[2] != part or s[1] != stored[0][1] for part, s in enumerate(stored)):
                raise WrongDataError(f"{name} in buffer {buffer}: {stored}")
            if (stored[0][1] == "code") != (kind == Content.CODES):
                raise WrongDataError(f"{name} in buffer {buffer} is {stored[0][1]}")
            values[name] = stored[0][1]
        return values


def operands(program, graph, c):
    """Pairs (buffer, box) read, and the box written."""
    box = program.boxes.box(int(program.box[c]))
    if program.op[c] < 0:
        return [(int(program.reads(c)[0]), box)], box
    op = next(op for op in graph.ops if op.name == program.ops[program.op[c]])
    space = graph.space(op)
    needs = [access.boxes(box[None])[0] for access in space.inputs]
    written = space.output.boxes(box[None])[0]
    reads = zip(program.reads(c).tolist(), [*needs, written], strict=False)
    return [(b, n) for b, n in reads if b >= 0 and (n[:, 1] > n[:, 0]).all()], written


def run(program, graph, start, end):
    """Walk the starts and ends in time order; raise `WrongDataError` if the data ever are."""
    memory, results = Bytes(program, graph), {}
    events = sorted([(t, 1, c) for c, t in enumerate(start.tolist())] + [(t, 0, c) for c, t in enumerate(end.tolist())])
    content = program.buffers.content
    for _, is_start, c in events:
        reads, written = operands(program, graph, c)
        values = {}
        if is_start or int(program.write[c]) not in [b for b, _ in reads]:
            for buffer, box in reads:
                values = memory.load(buffer, box, content[buffer])
        if is_start:
            results[c] = result(program, graph, c, values)
            memory.store(int(program.write[c]), written, None, poison=True)
        else:
            memory.store(int(program.write[c]), written, results[c])
    for name in graph.outputs:
        whole_outputs(program, graph, memory, name)


def result(program, graph, c, values):
    """Sums that a command leaves, as sets of tiles; None for final codes."""
    if program.op[c] < 0:
        return values if program.buffers.content[program.write[c]] == Content.ACCUMULATORS else None
    tile = tuple(map(tuple, program.boxes.box(int(program.box[c])).tolist()))
    op = next(op for op in graph.ops if op.name == program.ops[program.op[c]])
    space = graph.space(op)
    box = space.output.boxes(np.array([tile]))[0]
    index = np.stack(np.meshgrid(*(np.arange(*side) for side in box), indexing="ij"), -1).reshape(-1, len(box))
    numbers = np.ravel_multi_index(tuple(index.T), graph.tensors[op.output].shape).tolist()
    part = frozenset([tuple(tile[i] for i in space.reductions())])
    flags = int(program.flags[c])
    sums = {(op.output, n): part | (values[op.output, n] if flags & Flag.ACCUMULATE else frozenset()) for n in numbers}
    if flags & Flag.PARTIAL:
        return sums
    whole = np.prod([space.sizes[i] for i in space.reductions()])
    for name, tiles in sums.items():
        points = sum(int(np.prod([high - low for low, high in t])) for t in tiles)
        if points != whole:
            raise WrongDataError(f"{name} is finished after {points} of {whole} points")
    return None


def whole_outputs(program, graph, memory, name):
    table = program.buffers
    box = np.array([(0, size) for size in graph.tensors[name].shape])
    for b in np.flatnonzero(table.tensor == program.tensors.index(name)).tolist():
        if table.content[b] == Content.CODES and (program.boxes.box(int(table.box[b])) == box).all():
            try:
                memory.load(b, box, Content.CODES)
            except WrongDataError:
                continue
            return
    raise WrongDataError(f"output {name}")


@pytest.fixture(scope="module")
def programs(toys):
    """Programs in which no slot is filled twice with the same box: a stale copy would do no harm."""
    graph = toys.graph_of((4, 6), (toys.MATMUL, (6, 6)), (toys.RESHAPE, (3, 8)), (toys.CONV, (2, 3, 3)))
    steps = {"op1": (2, 3, 3), "op3": (2, 3, 2, 3)}
    found = []
    for resident, macs, depth in (((), 1, 2), (("t1",), 2, 3), (("t3",), 2, 1), ((), 2, 3)):
        found.append((graph, toys.map_chain(graph, steps, resident=resident, macs=macs, depth=depth).program()))
    return found


def random_timing(program, seed):
    random = np.random.default_rng(seed)
    n = len(program)
    slow = random.choice([1, 30], n, p=[0.8, 0.2])
    return timing(program, random.integers(1, 10, n) * slow, random.integers(0, 3, n) * random.choice([0, 20], n))


def test_right_programs_are_right_under_random_timings(programs):
    for graph, program in programs:
        for seed in range(5):
            run(program, graph, *random_timing(program, seed))


def test_every_weakened_wait_breaks_the_data_under_a_hostile_timing(toys, programs):
    """So no wait that `check` asks for is idle: with the awaited command slow, wrong bytes are read or left."""
    n_waits = 0
    for graph, program in programs:
        for wait in range(len(program.wait_count)):
            weak = toys.weaken(program, wait)
            queue, count = int(program.wait_queue[wait]), int(program.wait_count[wait])
            durations = np.ones(len(program), np.int64)
            durations[program.queue_order[program.queue_offset[queue] + count - 1]] = 10_000
            with pytest.raises(WrongDataError):
                run(weak, graph, *timing(weak, durations, np.zeros(len(program), np.int64)))
            n_waits += 1
    assert n_waits > 100


@given(choice=st.integers(0, 3), seed=st.integers(0, 1 << 30), n_changes=st.integers(1, 2))
@settings(max_examples=400, deadline=None)
def test_what_passes_the_check_is_right_under_any_timing(toys, programs, choice, seed, n_changes):
    graph, program = programs[choice]
    random = np.random.default_rng(seed)
    for _ in range(n_changes):
        program = mutate(toys, program, random)
    if findings(program, graph, limit=1):
        return
    for timing_seed in range(3):
        run(program, graph, *random_timing(program, timing_seed))


def mutate(toys, program, random):
    """One change that may or may not matter."""
    n, n_buffers = len(program), len(program.buffers)
    kind = random.integers(7)
    if kind == 0:
        return toys.weaken(program, int(random.integers(len(program.wait_count))))
    if kind == 1:
        moved, other = random.integers(n_buffers, size=2).tolist()
        address = int(program.buffers.address[other] + random.integers(-2, 3))
        return toys.changed(program, buffers__address=(moved, max(address, 0)))
    if kind == 2:
        moved = int(random.integers(n_buffers))
        shift = int(random.integers(-6, 7))
        return toys.changed(program, buffers__address=(moved, max(int(program.buffers.address[moved]) + shift, 0)))
    if kind == 3:
        return toys.changed(program, flags=(int(random.integers(n)), int(random.integers(4))))
    if kind == 4:
        one, other = random.integers(n, size=2).tolist()
        return toys.changed(program, box=(one, int(program.box[other])))
    if kind == 5:
        return toys.changed(program, write=(int(random.integers(n)), int(random.integers(n_buffers))))
    read = int(random.integers(len(program.read_buffer)))
    return toys.changed(program, read_buffer=(read, int(random.integers(n_buffers))))
