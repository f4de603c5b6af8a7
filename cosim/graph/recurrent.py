"""Recurrent cells made of primitive ops, with PyTorch's parameter names and gate order."""

from __future__ import annotations

from cosim.graph.builder import Builder


def lstm_cell(builder: Builder, x: str, h: str, c: str, hidden: int, name: str) -> tuple[str, str]:
    """One step of an LSTM: x (N, C), h and c (N, hidden) -> (h', c').

    Gates i, f, g, o as in PyTorch. Source: Hochreiter and Schmidhuber 1997, doi:10.1162/neco.1997.9.8.1735.
    """
    gates = builder.add(*_projections(builder, x, h, 4 * hidden, name), name=f"{name}.gates")
    i, f, g, o = builder.split(gates, [hidden] * 4, 1, name=f"{name}.gate")
    kept = builder.mul(builder.sigmoid(f), c)
    written = builder.mul(builder.sigmoid(i), builder.tanh(g))
    cell = builder.add(kept, written, name=f"{name}.c")
    return builder.mul(builder.sigmoid(o), builder.tanh(cell), name=f"{name}.h"), cell


def gru_cell(builder: Builder, x: str, h: str, hidden: int, name: str) -> str:
    """One step of a GRU: x (N, C), h (N, hidden) -> h'.

    Gates r, z, n as in PyTorch (the reset gate acts behind the recurrent product).
    Source: Cho et al., EMNLP 2014, doi:10.3115/v1/D14-1179.
    """
    from_x, from_h = _projections(builder, x, h, 3 * hidden, name)
    rx, zx, nx = builder.split(from_x, [hidden] * 3)
    rh, zh, nh = builder.split(from_h, [hidden] * 3)
    reset = builder.sigmoid(builder.add(rx, rh))
    update = builder.sigmoid(builder.add(zx, zh))
    new = builder.tanh(builder.add(nx, builder.mul(reset, nh)))
    # (1 - update) * new + update * h, with one product fewer
    return builder.add(new, builder.mul(update, builder.sub(h, new)), name=f"{name}.h")


def _projections(builder: Builder, x: str, h: str, rows: int, name: str) -> tuple[str, str]:
    """Products of both inputs, each with its bias, as PyTorch's `weight_ih`, `weight_hh`, `bias_ih`, `bias_hh`."""
    made = []
    for tensor, suffix in ((x, "ih"), (h, "hh")):
        width = builder.shape(tensor)[-1]
        w = builder.weight(f"{name}.weight_{suffix}", (rows, width), deviation=width**-0.5)
        b = builder.weight(f"{name}.bias_{suffix}", (rows,), deviation=0.05)
        made.append(builder.op("linear", [tensor, w, b], f"{name}.{suffix}"))
    return made[0], made[1]
