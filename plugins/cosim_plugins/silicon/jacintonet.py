"""JacintoNet11 v2, which only public tables of TI name."""

from __future__ import annotations

from functools import cache

from cosim.compress import compress
from cosim.graph import Builder
from cosim.graph.graph import Graph

STAGES = (64, 128, 256, 512)


@cache
def jacintonet11() -> Graph:
    """JacintoNet11 for images (1, 3, 224, 224) in int8: 405.8 million MACs in its convolutions, as published.

    Source: tidsp/caffe-jacinto-models, jacintonet11_v2.
    """
    b = Builder("jacintonet11", seed=0)
    x = b.conv2d(b.input("input", (1, 3, 224, 224)), 32, 5, 2, 2, activation="relu", name="conv1a")
    x = b.conv2d(x, 32, 3, 1, 1, groups=4, activation="relu", name="conv1b")
    for number, channels in enumerate(STAGES, 2):
        x = b.max_pool2d(x, 2, name=f"pool{number - 1}")
        x = b.conv2d(x, channels, 3, 1, 1, activation="relu", name=f"res{number}a_branch2a")
        x = b.conv2d(x, channels, 3, 1, 1, groups=4, activation="relu", name=f"res{number}a_branch2b")
    x = b.reshape(b.global_avg_pool(x), (1, STAGES[-1]), name="flat")
    b.output(b.linear(x, 1000, name="fc1000"))
    return compress(b.build(), "int8", calibrate=False)
