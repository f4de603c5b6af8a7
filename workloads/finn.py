"""Networks of FINN and BNN-PYNQ, for weights and activations of one or two bits.

Source: Umuroglu et al., FPGA 2017, doi:10.1145/3020078.3021744; layers as in Xilinx/BNN-PYNQ bnn/src/network. What makes a
value binary is its format: no activation stands between a batch norm and the next layer. Parameters have names of this
package.
"""

from __future__ import annotations

from cosim.graph import Builder, Graph


def cnv(name: str, batch: int, seed: int) -> Graph:
    """A small VGG for images of 32 x 32 pixels (batch, 3, 32, 32), 10 classes."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 3, 32, 32))
    for stage, channels in enumerate((64, 128, 256)):
        for number in range(2):
            x = b.conv2d(x, channels, 3, bias=False, name=f"conv{stage}_{number}")
            x = b.batch_norm(x, name=f"conv{stage}_{number}_norm")
        if stage < 2:
            x = b.max_pool2d(x, 2, 2)
    x = b.flatten(x)
    for number in range(2):
        x = b.batch_norm(b.linear(x, 512, bias=False, name=f"fc{number}"), name=f"fc{number}_norm")
    b.output(b.linear(x, 10, bias=False, name="fc2"))
    return b.build()


def mlp(name: str, batch: int, seed: int, width: int) -> Graph:
    """Three hidden layers of `width` for images of 28 x 28 pixels (batch, 784), 10 classes."""
    b = Builder(name, seed)
    x = b.input("input", (batch, 784))
    for number in range(3):
        x = b.batch_norm(b.linear(x, width, bias=False, name=f"fc{number}"), name=f"fc{number}_norm")
    b.output(b.linear(x, 10, bias=False, name="fc3"))
    return b.build()
