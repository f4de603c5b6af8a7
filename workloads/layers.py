"""`Layers`: a network that its source lists layer by layer, with references to earlier ones by number."""

from __future__ import annotations

from dataclasses import dataclass, field

from cosim_workloads.blocks import RESIDUAL_GAMMA, conv_norm, upsample

from cosim.graph import Builder

_SLOPE = 0.1  # of the leaky rectifier


@dataclass
class Layers:
    """A network under construction, whose layers are known by their numbers.

    Attributes
    ----------
    b
        Builder of the graph.
    prefix
        First part of the name of every layer.
    activation
        After every convolution: "leaky_relu" of slope 0.1, or another kind of op.
    epsilon
        Of every batch norm.
    outputs
        Output of each layer.
    """

    b: Builder
    prefix: str = "layers"
    activation: str = "leaky_relu"
    epsilon: float = 1e-5
    outputs: list[str] = field(default_factory=list)

    @property
    def index(self) -> int:
        """Number of the next layer."""
        return len(self.outputs)

    @property
    def last(self) -> str:
        """Output of the last layer."""
        return self.outputs[-1]

    def start(self, batch: int, rows: int, columns: int) -> str:
        """The images; they are no layer."""
        return self.b.input("input", (batch, 3, rows, columns))

    def conv(self, channels: int, kernel: int, stride: int = 1, *, x: str | None = None, gamma: float = 1.0) -> str:
        """Convolution, batch norm and activation, of the last layer unless `x` is given."""
        stem = f"{self.prefix}.{self.index}"
        y = conv_norm(
            self.b,
            x or self.last,
            channels,
            kernel,
            stride,
            kernel // 2,
            conv=f"{stem}.conv",
            norm=f"{stem}.bn",
            activation="none",
            epsilon=self.epsilon,
            gamma=gamma,
        )
        return self.activate(y, stem)

    def activate(self, x: str, stem: str) -> str:
        """Activation of x, as the next layer."""
        slope = {"alpha": _SLOPE} if self.activation == "leaky_relu" else {}
        return self.put(self.b.op(self.activation, [x], f"{stem}.act", **slope))

    def pool(self, stride: int = 2) -> str:
        """Maximum over 2x2 pixels; at stride 1 the extent is kept by padding after."""
        return self.put(self.b.max_pool2d(self.last, 2, stride, (0, 0, 2 - stride, 2 - stride)))

    def route(self, *layers: int) -> str:
        """Earlier layers, joined."""
        parts = [self.outputs[layer] for layer in layers]
        return self.put(self.b.concat(parts) if len(parts) > 1 else parts[0])

    def grow(self) -> str:
        """Twice the rows and columns."""
        return self.put(upsample(self.b, self.last))

    def residual(self, channels: int) -> str:
        """Two convolutions with a shortcut around them."""
        x = self.last
        self.conv(channels // 2, 1)
        y = self.conv(channels, 3, gamma=RESIDUAL_GAMMA)
        return self.put(self.b.add(y, x))

    def head(self, outputs: int) -> str:
        """Convolution that predicts; an output of the graph."""
        y = self.b.conv2d(self.last, outputs, 1, gain=1.0, name=f"{self.prefix}.{self.index}.conv")
        return self.put(self.b.output(y))

    def fused(self, channels: int, kernel: int, *, x: str) -> str:
        """Convolution with a bias, and activation: what remains of branches that were summed after training."""
        stem = f"{self.prefix}.{self.index}"
        return self.activate(self.b.conv2d(x, channels, kernel, 1, kernel // 2, name=f"{stem}.rbr_reparam"), stem)

    def mark(self) -> None:
        """Darknet counts the decoding of boxes as a layer."""
        self.put(self.last)

    def put(self, tensor: str) -> str:
        """Take `tensor` as the output of the next layer."""
        self.outputs.append(tensor)
        return tensor
