"""Every network of the zoo is mapped, checked and timed on both devices."""

from __future__ import annotations

import pytest
from cosim_workloads import NETWORKS

from cosim.library import load_graph, load_hardware
from cosim.simulation import simulate

SAMPLE = (
    "autoencoder",
    "mobilenet_v1_025_96",
    "bert_tiny",
    "stories260k_prefill",
    "stories260k_decode",
    "shufflenet_v2_0_5",
)


def simulated(network: str, device: str) -> None:
    graph = load_graph(network)
    result = simulate(graph, load_hardware(device))  # checks the Program and the bounds itself
    assert {plan.op for plan in result.plan.ops} == {op.name for op in result.graph.ops}
    assert result.energy.total_pj.low <= result.energy.total_pj.value <= result.energy.total_pj.high
    for memory in result.hardware.memories.values():
        assert result.plan.peak_bytes(memory.name) <= memory.size_bytes


@pytest.mark.parametrize("device", ["npu/edge-256", "npu/systolic-32x32"])
@pytest.mark.parametrize("network", SAMPLE)
def test_sample(network: str, device: str) -> None:
    simulated(network, device)


@pytest.mark.slow
@pytest.mark.parametrize("device", ["npu/edge-256", "npu/systolic-32x32"])
@pytest.mark.parametrize("network", sorted(set(NETWORKS) - set(SAMPLE)))
def test_all(network: str, device: str) -> None:
    simulated(network, device)
