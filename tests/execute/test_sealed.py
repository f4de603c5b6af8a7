"""Compressed constants are held at their compressed size; what something wrote over reads as poison."""

from dataclasses import replace

import numpy as np
import pytest

from cosim.compress import int8
from cosim.errors import SimulationError
from cosim.execute import scheduled, whole
from cosim.execute.sealed import sealed
from cosim.formats import Encoding, Storage
from cosim.graph import Builder
from cosim.library import load_hardware
from cosim.mapping.mapper import TiledMapper
from cosim.plugin import load_registry
from cosim.program.check import check
from cosim.timing import compiled

BOX = np.array([[2, 8], [0, 6]])


@pytest.fixture
def buffer():
    storage = Storage.regular((10, 6), (4, 3), np.array([[13, 70], [9, 0], [33, 20]]))
    return sealed(Encoding("int8", 8, storage=storage), BOX, np.dtype(np.int8))


def filled(buffer):
    """Bytes of a buffer that was written whole, and its codes."""
    codes = np.arange(36, dtype=np.int8).reshape(6, 6)
    cells = np.full(buffer.n_bytes, 0x7F, np.uint8)
    buffer.write(cells, (slice(0, 6), slice(0, 6)), BOX, codes, "here")
    return cells, codes


def test_a_buffer_takes_the_cells_it_touches(buffer):
    assert buffer.n_bytes == -(-(13 + 70 + 9 + 0) // 8)


def test_what_was_written_is_read(buffer):
    cells, codes = filled(buffer)
    box = np.array([[3, 7], [1, 5]])
    np.testing.assert_array_equal(buffer.read(cells, (slice(1, 5), slice(1, 5)), box), codes[1:5, 1:5])


def test_a_cell_that_was_written_over_reads_as_poison(buffer):
    cells, codes = filled(buffer)
    cells[4] ^= 1  # in the second cell: rows 2 to 4, columns 3 to 6
    read = buffer.read(cells, (slice(0, 6), slice(0, 6)), BOX)
    assert (read[:2, 3:] == 0x7F).all()
    np.testing.assert_array_equal(read[:, :3], codes[:, :3])
    np.testing.assert_array_equal(read[2:, 3:], codes[2:, 3:])


def test_nothing_written_reads_as_poison(buffer):
    cells = np.full(buffer.n_bytes, 0x7F, np.uint8)
    assert (buffer.read(cells, (slice(0, 2), slice(0, 6)), BOX[:1].repeat(2, 0)) == 0x7F).all()


def test_poison_breaks_the_seals_it_touches(buffer):
    cells, codes = filled(buffer)
    buffer.poison(cells, (slice(0, 2), slice(0, 3)), 0)
    read = buffer.read(cells, (slice(0, 6), slice(0, 6)), BOX)
    assert (read[:2, :3] == 0x7F).all()
    np.testing.assert_array_equal(read[:, 3:], codes[:, 3:])


@pytest.fixture(scope="module")
def compressed():
    """A quantised network of two layers whose weights take about a quarter of their bytes."""
    builder = Builder("sparse", seed=1)
    x = builder.input("x", (1, 24, 10, 10))
    x = builder.conv2d(x, 64, 3, padding=1, activation="relu", name="a")
    builder.output(builder.conv2d(x, 40, 1, name="b"))
    graph = int8(builder.build())
    generator = np.random.default_rng(5)
    changed = []
    for name in ("a.weight", "b.weight"):
        tensor = graph.tensors[name]
        counts = (tensor.shape[0], -(-tensor.shape[1] // 8), 1, 1)
        most = 16 * int(np.prod(tensor.shape[2:]))
        storage = Storage.regular(tensor.shape, (1, 8, *tensor.shape[2:]), generator.integers(0, most + 1, counts))
        changed.append(replace(tensor, encoding=replace(tensor.encoding, storage=storage)))
    return graph.with_tensors(changed)


def mapped(graph):
    hardware = load_hardware("npu/edge-256", overrides={"memories.sram.size": "8KiB"})
    mapping = TiledMapper().map(graph, hardware, load_registry()["engine_kinds"], {"cache": False})
    return mapping.program


def test_the_schedule_gives_the_same_bits_at_the_compressed_size(compressed):
    program = mapped(compressed)
    check(program, compressed)
    times = compiled.simulate(program)
    inputs = {"x": np.random.default_rng(2).standard_normal((1, 24, 10, 10)).astype(np.float32)}
    by_schedule = scheduled(program, compressed, times.start_fs, times.end_fs, inputs)
    at_once = whole(compressed, inputs)
    for name in compressed.outputs:
        np.testing.assert_array_equal(by_schedule.codes[name], at_once.codes[name])


def test_only_compressed_bytes_cross_the_bus(compressed):
    program = mapped(compressed)
    for name in ("a.weight", "b.weight"):
        moves = np.flatnonzero((program.op < 0) & (program.tensor == program.tensors.index(name)))
        tensor = compressed.tensors[name]
        moved = int(program.services.n_bytes[program.service[moves]].sum())
        assert tensor.bytes <= moved < tensor.elements * 0.6


def test_a_buffer_too_small_for_its_cells_is_found(compressed):
    program = mapped(compressed)
    weights = program.tensors.index("a.weight")
    small = np.where(program.buffers.tensor == weights, program.buffers.capacity // 2, program.buffers.capacity)
    broken = replace(program, buffers=replace(program.buffers, capacity=small))
    with pytest.raises(SimulationError, match=r"a\.weight"):
        check(broken, compressed)
