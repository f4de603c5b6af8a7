"""A device, a technology, and Programs written by hand: cost needs counts, not numbers."""

import numpy as np
import pytest
from cosim_hw_models import MODELS, TECHNOLOGIES

from cosim.hardware import load_hardware, load_technology
from cosim.program import BoxTable, BufferTable, Program, ServiceTable


class Kind:
    """An engine kind reduced to its area."""

    def __init__(self, **units):
        self.parameters = {}
        self.units = units

    def area(self, engine):
        return self.units


@pytest.fixture(scope="session")
def kinds():
    return {
        "dma": Kind(dma=1.0),
        "mac_array": Kind(mac_int8=256.0),
        "systolic_array": Kind(mac_fp32=1024.0),
        "vector_unit": Kind(vector_lane=16.0),
        "host_core": Kind(host_core=1.0),
    }


@pytest.fixture(scope="session")
def hardware():
    return load_hardware(MODELS["npu/edge-256"])


@pytest.fixture(scope="session")
def technology():
    return load_technology(TECHNOLOGIES["cmos-16nm"])


@pytest.fixture(scope="session")
def build(hardware):
    """Program of (queue, op, cycles, serial cycles, {action: count}) commands; every command its own service."""

    def make(commands, ops=("a", "b")):
        actions = tuple(dict.fromkeys(name for *_, counts in commands for name in counts))
        n = len(commands)
        machine = hardware.machine()
        table = np.array([[counts.get(name, 0) for name in actions] for *_, counts in commands], np.int64)
        empty = np.zeros(0, np.int64)
        return Program(
            machine=machine,
            ops=tuple(ops),
            tensors=(),
            actions=actions,
            queue=np.array([machine.queues.index(c[0]) for c in commands], np.int16),
            service=np.arange(n, dtype=np.int32),
            op=np.array([ops.index(c[1]) if c[1] else -1 for c in commands], np.int32),
            tensor=np.zeros(n, np.int32),
            box=np.zeros(n, np.int32),
            flags=np.zeros(n, np.int8),
            write=np.zeros(n, np.int32),
            read_offset=np.zeros(n + 1, np.int64),
            read_buffer=np.zeros(0, np.int32),
            wait_offset=np.zeros(n + 1, np.int64),
            wait_queue=np.zeros(0, np.int16),
            wait_count=np.zeros(0, np.int32),
            boxes=BoxTable(np.zeros(1, np.int64), np.zeros(0, np.int32)),
            buffers=BufferTable(*(empty,) * 11),
            services=ServiceTable(
                cycles=np.array([c[2] for c in commands], np.int64),
                serial_cycles=np.array([c[3] for c in commands], np.int64),
                n_bytes=np.zeros(n, np.int64),
                path=np.full(n, -1, np.int16),
                actions=table.reshape(n, len(actions)),
            ),
        )

    return make
