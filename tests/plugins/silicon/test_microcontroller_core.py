"""Cycles are counts times the stack's costs; weights larger than the cache are fetched once per sweep over them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cosim import load_hardware
from cosim.compress import compress
from cosim.graph import Builder
from cosim_plugins.engines.core import MicrocontrollerCore, costs
from cosim_plugins.engines.core_table import CONSTANTS, CORES, STACKS, STACKS_OF, constants_of, costs_of
from cosim_plugins.engines.core_work import fetched_bytes, work

KIND = MicrocontrollerCore()


def network():
    b = Builder("n", seed=0)
    x = b.input("x", (1, 8, 6, 6))
    y = b.conv2d(x, 16, 3, padding=1, name="conv")
    y = b.depthwise(y, 5, padding=2, name="dw")
    y = b.conv2d(y, 32, 1, name="pw")
    y = b.add(y, y)
    y = b.max_pool2d(y, 2, 2)
    b.output(b.softmax(b.linear(b.flatten(y), 10, name="fc")))
    return compress(b.build(), "int8", calibrate=False)


GRAPH = network()
OPS = {op.output if op.kind.name != "conv2d" else op.name: op for op in GRAPH.ops}


def op_of(kind, number=0):
    return [op for op in GRAPH.ops if op.kind.name == kind][number]


def counted(op):
    return {term: int(count[0]) for term, count in work(op, GRAPH, GRAPH.space(op).whole).items()}


def test_every_kernel_is_counted():
    conv, dw, pw = (op_of("conv2d", n) for n in range(3))
    assert counted(conv) == {"product": 36 * 16 * 72, "vector": 0, "column": 36 * 72, "output": 36 * 16}
    assert counted(dw) == {"depthwise": 36 * 16 * 25, "output": 36 * 16}
    assert counted(pw) == {"product": 36 * 32 * 16, "vector": 0, "column": 36 * 16, "output": 36 * 32}
    assert counted(op_of("linear")) == {"product": 0, "vector": 288 * 10, "column": 0, "output": 10}
    assert counted(op_of("add")) == {"element": 3 * 36 * 32}
    assert counted(op_of("max_pool2d")) == {"step": 9 * 32 * 4}
    assert counted(op_of("softmax")) == {"element": 40}


def test_macs_are_conserved():
    terms = ("product", "vector", "depthwise")
    total = sum(counted(op).get(term, 0) for op in GRAPH.ops if not op.kind.is_view for term in terms)
    assert total == GRAPH.macs


@pytest.mark.parametrize(
    ("pixels", "cache", "factor"), [(0, 0, 1), (2, 2048, 1), (2, 64, 18), (1, 64, 36), (2, 511, 18)]
)
def test_what_does_not_fit_the_cache_is_fetched_once_per_sweep(pixels, cache, factor):
    pw = op_of("conv2d", 2)
    once = sum(GRAPH.tensors[name].bytes for name in pw.inputs if name in GRAPH.constants)
    lines = -(-once // 16) * 16
    found = fetched_bytes(pw, GRAPH, GRAPH.space(pw).whole, pixels=pixels, cache=cache, line=16)
    assert found.tolist() == [factor * lines]


def test_the_smallest_cache_that_helps_holds_all_weights_of_the_op():
    pw = op_of("conv2d", 2)
    once = sum(GRAPH.tensors[name].bytes for name in pw.inputs if name in GRAPH.constants)
    some = [
        int(fetched_bytes(pw, GRAPH, GRAPH.space(pw).whole, pixels=2, cache=cache, line=16)[0])
        for cache in (once - 1, once)
    ]
    assert some[0] == 18 * some[1]


def test_cycles_are_counts_times_costs():
    core = load_hardware("mcu/stm32l4r5").engines["core"]
    found = costs(core)
    for op in GRAPH.ops:
        if not op.kind.is_view:
            expected = sum(count * found.of(term) for term, count in counted(op).items())
            assert KIND.cycles(core, op, GRAPH, GRAPH.space(op).whole).tolist() == [int(np.ceil(expected))]


def test_a_cost_of_the_description_replaces_the_stack_s():
    core = load_hardware("mcu/stm32l4r5").engines["core"]
    own = replace(core, parameters={**core.parameters, "depthwise": 100.0})
    assert costs(own).depthwise == 100.0
    assert costs(own).product == costs(core).product
    dw = op_of("conv2d", 1)
    more = [int(KIND.cycles(engine, dw, GRAPH, GRAPH.space(dw).whole)[0]) for engine in (core, own)]
    assert more[1] - more[0] == pytest.approx((100 - costs(core).depthwise) * dw_macs(), abs=1)


def dw_macs():
    return 36 * 16 * 25


def test_every_stack_has_every_core_and_every_constant():
    for stack in STACKS_OF:
        assert set(STACKS[stack]) == set(CORES)
        for core in CORES:
            assert set(constants_of(stack, core)) <= set(CONSTANTS)
            made = costs_of(stack, core)
            assert made.product > 0
            assert made.depthwise > made.product, "a depthwise product costs more"


def test_a_slower_stack_is_slower_in_all_but_what_is_not_its_own():
    slow, fast = costs_of("x-cube-ai-7.1", "cortex-m4"), costs_of("x-cube-ai-9", "cortex-m4")
    for term in ("product", "vector", "depthwise", "output", "element"):
        assert slow.of(term) / fast.of(term) == pytest.approx(CONSTANTS["x-cube-ai-7.1"] / CONSTANTS["x-cube-ai-9"])
    assert (slow.column, slow.step) == (fast.column, fast.step)
