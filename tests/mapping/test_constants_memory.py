"""Weights that stay in flash: read in place, never moved; SRAM holds activations alone, and each can be too small."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim import load_graph, load_hardware
from cosim.compress import compress
from cosim.errors import DescriptionError, InfeasibleError, UnsupportedError
from cosim.graph import Builder
from cosim.mapping.assignment import assign
from cosim.mapping.placement import Span, aligned, first_fit, smallest_fit
from cosim.mapping.wiring import carried_bytes
from cosim.plugin import load_registry
from cosim.program.check import check
from cosim.simulation import simulate
from cosim.timing import compiled, reference

MCU = "mcu/stm32l4r5"


def residual():
    """Two convolutions, a branch around the second, and a product."""
    b = Builder("residual", seed=1)
    x = b.input("x", (1, 4, 6, 6))
    y = b.conv2d(x, 8, 3, padding=1, name="a")
    z = b.depthwise(y, 3, padding=1, name="b")
    b.output(b.linear(b.flatten(b.add(y, z)), 5, name="c"))
    return b.build()


@pytest.fixture(scope="module")
def device():
    return load_hardware(MCU)


def test_what_is_scheduled_is_what_the_network_computes(device):
    scheduled = simulate(residual(), device, execute="scheduled")
    check(scheduled.program, scheduled.graph)
    whole = simulate(residual(), device, execute="whole")
    for name in scheduled.graph.outputs:
        np.testing.assert_array_equal(scheduled.values.codes[name], whole.values.codes[name])


def test_both_timers_agree(device):
    program = simulate(residual(), device).program
    one, other = compiled.simulate(program), reference.simulate(program)
    np.testing.assert_array_equal(one.end_fs, other.end_fs)
    np.testing.assert_array_equal(one.start_fs, other.start_fs)


def test_constants_are_in_flash_and_nothing_else_is(device):
    done = simulate(load_graph("ds_cnn"), device)
    places = {one.what: one.memory for one in done.plan.placements}
    constants = {name for name in done.graph.constants if name in places}
    assert constants
    assert all((memory == "flash") == (name in constants) for name, memory in places.items())
    assert (done.program.op >= 0).all(), "something is moved by command"


def test_bytes_of_weights_cross_the_flash_once_and_the_core_waits(device):
    done = simulate(load_graph("ds_cnn"), device)
    weights = sum(done.graph.tensors[n].bytes for op in done.graph.ops for n in op.inputs if n in done.graph.constants)
    crossed = int(done.program.services.n_bytes[done.program.service].sum())
    assert weights <= crossed <= weights + 16 * 2 * len(done.graph.ops)
    cycles = int(done.program.services.serial_cycles[done.program.service].sum())
    port = device.ports()["flash"]
    at_least = cycles * device.clocks["core"].period_fs + weights * port.unit_fs // port.unit_bytes
    assert done.times.makespan_fs >= at_least


def test_no_op_of_a_core_by_itself_is_a_fallback(device):
    graph, kinds = residual(), load_registry()["engine_kinds"]
    small = compress(graph, "int8", calibrate=False)
    assert not any(one.is_fallback for one in assign(small, device, kinds))
    host = load_hardware("npu/edge-256", overrides={"engines.vector.formats": "[fp32]"})
    assert any(one.is_fallback for one in assign(small, host, kinds))


@pytest.mark.parametrize(
    ("overrides", "parts"),
    [
        ({"memories.flash.size": "16 KiB"}, ("weights of resnet8", "of flash", "raise memories.flash.size by")),
        ({"memories.sram.size": "32 KiB"}, ("bytes of sram at op", "alive together", "raise memories.sram.size by")),
    ],
)
def test_each_memory_says_what_does_not_fit(overrides, parts):
    small = load_hardware(MCU, overrides=overrides)
    with pytest.raises(InfeasibleError) as caught:
        simulate(load_graph("resnet8"), small)
    assert all(part in str(caught.value) for part in parts), str(caught.value)
    gap = int(str(caught.value).split(" bytes too many")[0].rsplit(" ", 1)[1])
    name, size = next(iter(overrides.items()))
    enough = load_hardware(MCU, overrides={name: f"{int(size.split()[0]) * 1024 + gap} B"})
    simulate(load_graph("resnet8"), enough)


def test_an_array_that_reads_constants_elsewhere_is_refused():
    text = load_hardware("npu/edge-256")
    with pytest.raises(UnsupportedError, match="read in place"):
        simulate(residual(), replace(text, constants=text.engines["vector"].operands))


def test_a_memory_that_is_not_there_is_refused():
    from cosim_hw_models import MODELS

    text = MODELS[MCU].read_text().replace("constants: flash", "constants: flesh")
    with pytest.raises(DescriptionError, match="flesh"):
        load_hardware(text)


def test_a_smaller_arena_than_that_of_first_fit_is_found():
    spans = [Span("a", 18432, 0, 1), Span("in", 27648, 0, 0), Span("b", 18432, 1, 2), Span("c", 36864, 2, 3)]
    tops = [max(at[s.tensor] + s.n_bytes for s in spans) for at in (smallest_fit(spans), first_fit(spans, None))]
    assert tops == [55296, 73728]  # 55296 are alive together


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 8), st.integers(0, 4)), min_size=1, max_size=9), st.data())
def test_what_lives_together_never_meets(drawn, data):
    spans = [Span(f"t{i}", 64 * size, first, first + more) for i, (size, first, more) in enumerate(drawn)]
    heir = data.draw(st.integers(0, len(spans) - 1))  # one result takes its operand's place
    old = spans[heir]
    spans.append(Span("heir", old.n_bytes, old.last_op, old.last_op + 2, old.tensor))
    found = smallest_fit(spans)
    assert list(found) == [span.tensor for span in spans]
    for one in spans:
        for other in spans:
            alive = one.first_op <= other.last_op and other.first_op <= one.last_op
            if one is not other and alive and other.over != one.tensor and one.over != other.tensor:
                low, high = sorted((one, other), key=lambda span: found[span.tensor])
                assert found[low.tensor] + low.n_bytes <= found[high.tensor]


def test_the_arena_is_hardly_more_than_what_is_alive(device):
    done = simulate(load_graph("mobilenet_v1_025_96"), device)
    graph = compress(load_graph("mobilenet_v1_025_96"), "int8", calibrate=False)
    most = max(
        sum(
            aligned(graph.tensors[name].bytes)
            for name in dict.fromkeys((*op.inputs, op.output))
            if name not in graph.constants
        )
        for op in graph.ops
        if not op.kind.is_view
    )
    peak = max(one.address + one.n_bytes for one in done.plan.placements if one.memory == "sram")
    assert peak <= most


def test_a_path_that_begins_at_the_weights_carries_them_alone(device):
    core = device.engines["core"]
    counts = {"sram.read_bytes": np.array([5]), "sram.write_bytes": np.array([7]), "flash.read_bytes": np.array([11])}
    assert carried_bytes(core, counts).tolist() == [11]
    assert carried_bytes(replace(core, weights=None, via=("sram",)), counts).tolist() == [12]
    assert carried_bytes(replace(core, via=()), counts) == 0
