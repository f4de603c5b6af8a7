"""Several cores side by side are as fast as one, but for what they share."""

from __future__ import annotations

import numpy as np
import pytest

from cosim import load_graph, load_hardware, simulate
from cosim.timing import compiled, reference
from cosim_plugins.silicon.cores import replicated


def program(bandwidth):
    device = load_hardware("fpga/dpuczdx8g-b4096", {"memories.ddr.bandwidth": f"{bandwidth} GB/s"})
    return simulate(load_graph("resnet8"), device, options={"resident": "none", "activations": "none"}).program


def test_cores_that_share_nothing_do_not_see_each_other():
    one = program(19.2)
    three = replicated(one, 3, ())
    owner = three.wait_queue.reshape(3, -1) // len(one.machine.queues)
    assert (owner == np.arange(3)[:, None]).all()  # each waits for its own
    times = compiled.simulate(three).end_fs.reshape(3, -1)
    assert (times == compiled.simulate(one).end_fs).all()


@pytest.mark.parametrize("bandwidth", [1.0, 1000.0])
def test_what_is_shared_is_waited_for(bandwidth):
    one = program(bandwidth)
    alone = compiled.simulate(one).makespan_fs
    three = compiled.simulate(replicated(one, 3, {"ddr"})).makespan_fs
    assert alone <= three <= 3.01 * alone
    assert (three > 2 * alone) == (bandwidth == 1.0)


def test_both_timers_agree_on_copies():
    copies = replicated(program(2.0), 2, {"ddr"})
    assert np.array_equal(compiled.simulate(copies).end_fs, reference.simulate(copies).end_fs)
