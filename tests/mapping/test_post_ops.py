"""`fuse=post`: groups are one product and the simple ops behind it; `activations=none`: nothing waits on chip."""

import numpy as np
import pytest

from cosim.compress import compress
from cosim.errors import DescriptionError
from cosim.execute import scheduled, whole
from cosim.graph import Builder
from cosim.library import load_hardware
from cosim.plugin import load_registry
from cosim.program.check import check
from cosim.timing import compiled


def network():
    b = Builder("pooled", seed=2)
    x = b.input("x", (1, 8, 32, 32))
    x = b.max_pool2d(b.conv2d(x, 32, 3, padding=1, activation="relu", name="a"), 2, 2)
    y = b.conv2d(x, 32, 3, padding=1, activation="relu", name="b")
    x = b.add(b.conv2d(y, 32, 3, padding=1, name="c"), x)
    b.output(b.conv2d(x, 16, 1, name="d"))
    return compress(b.build(), "int8")


def mapped(graph, **options):
    hardware = load_hardware("npu/edge-256", overrides={"memories.sram.size": "24KiB"})
    kinds = load_registry()["engine_kinds"]
    return load_registry()["mappers"]["tiled"].map(graph, hardware, kinds, {"cache": False, **options})


def moved(mapping, name):
    """Bytes of a tensor that are moved."""
    program = mapping.program
    mine = (program.op < 0) & (program.tensor == program.tensors.index(name))
    return int(program.services.n_bytes[program.service[mine]].sum())


def test_a_group_begins_with_its_only_product():
    graph = network()
    mapping = mapped(graph, fuse="post", activations="none")
    groups = {}
    for plan in mapping.plan.ops:
        if plan.group is not None and plan.group != "":
            groups.setdefault(plan.group, []).append(plan.op)
    assert groups
    spaces = {op.name: graph.space(op) for op in graph.ops}
    for members in groups.values():
        products = [spaces[name].macs_per_point > 0 for name in members]
        assert products[0]
        assert sum(products) == 1


def test_the_same_bits_and_fewer_bytes():
    graph = network()
    x = np.random.default_rng(0).standard_normal((1, 8, 32, 32)).astype(np.float32)
    alone, post = (mapped(graph, fuse=fuse, activations="none") for fuse in ("none", "post"))
    assert moved(post, "a") < moved(alone, "a")
    check(post.program, graph)
    times = compiled.simulate(post.program)
    made = scheduled(post.program, graph, times.start_fs, times.end_fs, {"x": x})
    np.testing.assert_array_equal(made.codes[graph.outputs[0]], whole(graph, {"x": x}).codes[graph.outputs[0]])


def test_without_kept_activations_each_is_stored_and_loaded():
    graph = network()
    mapping = mapped(graph, fuse="none", activations="none", resident="none")
    for name in ("a", "b", "c"):
        assert moved(mapping, name) >= 2 * graph.tensors[name].bytes


@pytest.mark.parametrize("options", [{"fuse": "pst"}, {"activations": "non"}])
def test_words_that_there_are_not_are_refused(options):
    with pytest.raises(DescriptionError, match=r"post|none"):
        mapped(network(), **options)
