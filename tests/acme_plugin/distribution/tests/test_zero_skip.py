"""The claim: cycles follow the number of activations that are not zero, and the numbers do not change."""

import numpy as np
import pytest

from cosim.graph import Builder
from cosim.library import load_hardware
from cosim.plugin import load_registry
from cosim.simulation import simulate

LANES = 64


def network():
    b = Builder("one layer", seed=0)
    x = b.input("x", (1, 8, 12, 12))
    b.output(b.conv2d(x, 16, 3, padding=1, stride=2, bias=False, name="layer"))
    return b.build()


def run(share, *, compress="int8", timer="compiled"):
    """A layer of which a `share` of the inputs is zero."""
    generator = np.random.default_rng(0)
    x = generator.uniform(0.5, 1.0, (1, 8, 12, 12)).astype(np.float32)
    x[generator.random(x.shape) < share] = 0
    return simulate(network(), load_hardware("acme/zero-skip-64"), compress=compress, inputs={"x": x}, timer=timer), x


def layer(simulation):
    """Cycles and products of the layer's tiles."""
    program = simulation.program
    mine = program.service[program.op >= 0]
    column = program.actions.index("skip.mac_int8")
    return program.services.cycles[mine], program.services.actions[mine, column]


def expected_products(x):
    """Products with an activation that is not zero, counted one by one."""
    padded = np.pad(x[0] != 0, ((0, 0), (1, 1), (1, 1)))
    taps = sum(int(padded[:, fy : fy + 11 : 2, fx : fx + 11 : 2].sum()) for fy in range(3) for fx in range(3))
    return 16 * taps


@pytest.mark.parametrize("share", [0.0, 0.5, 0.9])
def test_products_are_those_of_activations_that_are_not_zero(share):
    simulation, x = run(share)
    cycles, products = layer(simulation)
    assert products.sum() == expected_products(x)
    np.testing.assert_array_equal(cycles, np.maximum(-(-products // LANES), 1))


def test_all_zeros_cost_one_cycle_per_tile():
    simulation, _ = run(1.0)
    cycles, products = layer(simulation)
    assert products.sum() == 0
    assert (cycles == 1).all()


def test_more_zeros_are_never_slower():
    times = [run(share)[0].times.makespan_fs for share in (0.0, 0.5, 0.9, 1.0)]
    assert times == sorted(times, reverse=True)
    assert times[0] > times[-1]


def test_both_timers_agree_on_a_bound_program():
    compiled, reference = run(0.5)[0].times, run(0.5, timer="reference")[0].times
    np.testing.assert_array_equal(compiled.start_fs, reference.start_fs)
    np.testing.assert_array_equal(compiled.end_fs, reference.end_fs)


def test_the_kind_declares_that_it_binds():
    assert hasattr(load_registry().get("engine_kinds", "acme_zero_skip"), "bind")
