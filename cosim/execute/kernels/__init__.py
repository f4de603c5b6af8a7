"""Kernels: the numbers of one tile, by op kind."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from cosim.execute.kernels import elementwise, function, movement, normalization, pooling, product, window
from cosim.execute.kernels.reduction import reduce
from cosim.plugin.functions import Kernel

KERNELS: Mapping[str, Kernel] = MappingProxyType(
    {
        "conv2d": window.conv2d,
        "conv_transpose2d": window.conv_transpose2d,
        "linear": product.linear,
        "matmul": product.matmul,
        **{name: elementwise.binary(name) for name in elementwise.FUNCTIONS},
        **{name: function.unary(name) for name in function.FUNCTIONS},
        "max_pool2d": pooling.max_pool2d,
        "avg_pool2d": pooling.avg_pool2d,
        **{name: reduce(name) for name in ("reduce_mean", "reduce_sum", "reduce_max", "reduce_min")},
        "softmax": normalization.softmax(logarithm=False),
        "log_softmax": normalization.softmax(logarithm=True),
        "layer_norm": normalization.layer_norm,
        "rms_norm": normalization.rms_norm,
        "batch_norm": normalization.batch_norm,
        "concat": movement.concat,
        "slice": movement.slice_,
        "pad": movement.pad,
        "transpose": movement.transpose,
        "reshape": movement.reshape,
        "broadcast_to": movement.broadcast_to,
        "resize": movement.resize,
        "gather": movement.gather,
    }
)

__all__ = ["KERNELS"]
