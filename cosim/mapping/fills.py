"""Commands that bring resident constants, which later inferences leave out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cosim.graph.space import Access
from cosim.mapping.pieces import can_be_cut, pieces, whole_box
from cosim.mapping.sets import loads_of
from cosim.program.plan import Hold

if TYPE_CHECKING:
    from cosim.mapping.op_emission import OpEmission


def bring(emission: OpEmission, number: int, name: str, access: Access) -> None:
    """Bring a resident constant where it is needed first; later inferences find it there."""
    home = emission.emitter.homes[name]
    if home.source is None or name in emission.emitter.filled or any(name == fill[0] for fill in emission.fills):
        return
    loads = loads_of(access, emission.grid, Hold(0, 1))
    tensor = emission.graph.tensors[name]
    boxes, first = whole_box(tensor), np.zeros(1, np.int64)
    if can_be_cut(tensor):
        boxes, first = loads.boxes, loads.first
        if (loads.sets != whole_box(tensor)).any():
            boxes = pieces(whole_box(tensor), tensor.bytes)
            first = np.zeros(len(boxes), np.int64)
    dma = emission.emitter.dma(home.source.memory, home.memory)
    n_bytes = emission.bytes_of(name, boxes)
    keys = np.where(emission.emitter.waits_for_outputs(emission.op), -1, 4 * first + 1)
    rows = emission.rows.moves(
        queue=emission.emitter.hardware.queue_index(dma.name),
        tensor=emission.emitter.names[name],
        box=emission.draft.add_boxes(boxes),
        read=home.source.buffer,
        write=home.buffer,
        n_bytes=n_bytes,
        path=emission.emitter.hardware.path_index(dma.name),
        cycles=dma.setup_cycles,
        actions=emission.emitter.move_actions(dma, n_bytes),
        key=keys,
        rank=first * 64 + number,
    )
    emission.queued.append((dma.name, keys, first * 64 + number, rows))
    emission.fills.append((name, boxes, rows))
