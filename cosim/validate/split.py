"""Which measurements a constant may be fitted on: decided by topology and a hash, before any fit."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cosim.plugin.board import Measured

SPLITS = 20
FEW_TOPOLOGIES = 8  # below, every topology is left out once
ROWS_PER_CONSTANT = 4
SALT = "cosim validate 1"

# Never fitted on, for any device: what a user may ask for next. Chosen before the first fit.
NEVER_FITTED = frozenset(
    {
        "vgg19",
        "resnet101",
        "resnet152",
        "resnet101_v2",
        "resnet152_v2",
        "inception_v4",
        "inception_resnet_v1",
        "inception_resnet_v2",
        "mobilenet_v2_1.4",
        "mobilenet_edge",
        "efficientnet_edgetpu_m",
        "efficientnet_edgetpu_l",
        "densenet",
        "yolov4",
        "yolov6",
        "yolov10",
        "yolov11",
    }
)


@dataclass(frozen=True)
class Split:
    """Positions of the measurements of one table: which ones may be fitted on, and which are predicted."""

    name: str
    fit: tuple[int, ...]
    test: tuple[int, ...]
    leaves_one_out: bool = False


def splits(rows: Sequence[Measured], *, constants: int = 0, number: int = SPLITS) -> Iterator[Split]:
    """Splits of the scored rows of one board by topology, each with something on both sides.

    A draw that leaves fewer than `ROWS_PER_CONSTANT` rows for each of `constants` to be fitted is passed over. With fewer than `FEW_TOPOLOGIES` topologies each is left out once; else `number` halves are drawn by a hash of the
    topology's name. Topologies in `NEVER_FITTED` are always predicted.
    """
    free = sorted({row.topology for row in rows} - NEVER_FITTED)
    if len(free) < FEW_TOPOLOGIES:
        for topology in sorted({row.topology for row in rows}):
            yield from _split(rows, f"without {topology}", {topology}, leaves_one_out=True)
        return
    made = 0
    for attempt in range(10 * number):
        held = {name for name in free if _coin(attempt, name)}
        for split in _split(rows, f"half {attempt}", held):
            if len(split.fit) >= ROWS_PER_CONSTANT * constants:
                yield split
                made += 1
        if made == number:
            return


def _split(rows: Sequence[Measured], name: str, held: set[str], *, leaves_one_out: bool = False) -> Iterator[Split]:
    fit = tuple(i for i, row in enumerate(rows) if row.topology not in held | NEVER_FITTED)
    test = tuple(i for i, row in enumerate(rows) if i not in set(fit))
    if fit and test:
        yield Split(name, fit, test, leaves_one_out)


def _coin(attempt: int, topology: str) -> bool:
    digest = hashlib.blake2b(f"{SALT}:{attempt}:{topology}".encode(), digest_size=8).digest()
    return bool(digest[0] & 1)
