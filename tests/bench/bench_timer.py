"""Speed of the timers: `python tests/bench/bench_timer.py` prints a table and writes results/bench/timer.{csv,md}.

The programs are pipelines of six queues with an engine each: two load, one stores, three compute, over a DRAM and
an SRAM port that all of them share. Loads wait for the credit of the computes eight rounds before, computes for
loads, the store for computes: one wait per command. `contended` moves one arbitration unit per command (a
transfer is never interrupted); `give-way` moves one to seven units of 256 bytes, which alternate with the rivals'.
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import numpy as np

from cosim.hardware.machine import Machine
from cosim.program.program import BoxTable, BufferTable, Program, ServiceTable

ROOT = Path(__file__).resolve().parents[2]
UNIT = 256  # bytes per arbitration unit
DEPTH = 8  # credits of a load queue
N_BUSY = 6
DRAM_FS, SRAM_FS = 20_000_000, 16_000_000  # time per unit of 256 bytes: 12.8 and 16 GB/s


def machine(idle_queues: int) -> Machine:
    """Six engines of one queue, then further engines of one queue that have next to nothing to do."""
    n = N_BUSY + idle_queues
    return Machine(
        engines=tuple(f"engine{i}" for i in range(n)), engine_period_fs=(1_000_000,) * n, engine_policy=("fixed",) * n,
        queues=tuple(f"queue{i}" for i in range(n)), queue_engine=tuple(range(n)), queue_priority=(0,) * n,
        resources=("dram", "sram"), unit_bytes=(UNIT, UNIT), unit_fs=(DRAM_FS, SRAM_FS),
        paths=((0, 1), (1,)), path_latency_fs=(100_000_000, 2_000_000), memories=(), memory_bytes=(),
    )  # fmt: skip


def pipeline(n_commands: int, units: tuple[int, int], idle_queues: int = 0) -> Program:
    """Rounds of load, load, compute, compute, compute, store; transfers of `units` (lowest, highest) each.

    An idle queue holds one command that waits for the last of queue 0.
    """
    rounds = n_commands // N_BUSY
    n = rounds * N_BUSY
    rng = np.random.default_rng(1)
    queue = np.tile(np.array([0, 1, 3, 4, 5, 2], np.int16), rounds)
    step = np.repeat(np.arange(rounds), N_BUSY)

    # One wait per command: (queue, count); the first loads have their credits already.
    wait_queue = np.tile(np.array([3, 4, 0, 1, 0, 5], np.int16), rounds)
    ahead = np.tile(np.array([-DEPTH, -DEPTH, 0, 0, 0, 0]), rounds)
    wait_count = np.maximum(step + 1 + ahead, 0).astype(np.int32)
    has_wait = wait_count > 0

    is_compute = queue >= 3  # noqa: PLR2004
    n_units = rng.integers(units[0], units[1] + 1, n)
    cycles = np.where(is_compute, rng.integers(10, 30, n), 0)
    cost = np.stack([cycles, np.zeros(n, np.int64), n_units * UNIT, np.where(is_compute, 1, 0)], axis=1)
    costs, service = np.unique(cost, axis=0, return_inverse=True)

    idle = np.arange(N_BUSY, N_BUSY + idle_queues, dtype=np.int16)
    queue = np.concatenate([queue, idle])
    service = np.concatenate([service.reshape(-1), np.zeros(idle_queues, np.int64)]).astype(np.int32)
    has_wait = np.concatenate([has_wait, np.ones(idle_queues, bool)])
    wait_queue = np.concatenate([wait_queue, np.zeros(idle_queues, np.int16)])
    wait_count = np.concatenate([wait_count, np.full(idle_queues, rounds, np.int32)])
    total = len(queue)
    nothing = [
        np.zeros(0, t)
        for t in (np.int16, np.int64, np.int64, np.int32, np.int32, np.int16, np.int8, np.int32, np.bool_)
    ]
    return Program(
        machine=machine(idle_queues), ops=(), tensors=(), actions=(), queue=queue, service=service,
        op=np.full(total, -1, np.int32), tensor=np.full(total, -1, np.int32), box=np.zeros(total, np.int32),
        flags=np.zeros(total, np.int8), write=np.full(total, -1, np.int32),
        read_offset=np.zeros(total + 1, np.int64), read_buffer=np.zeros(0, np.int32),
        wait_offset=np.concatenate([[0], np.cumsum(has_wait)]).astype(np.int64),
        wait_queue=wait_queue[has_wait], wait_count=wait_count[has_wait],
        boxes=BoxTable(np.zeros(2, np.int64), np.zeros(0, np.int32)), buffers=BufferTable(*nothing),
        services=ServiceTable(costs[:, 0], costs[:, 1], costs[:, 2], costs[:, 3].astype(np.int16), np.zeros((len(costs), 0), np.int64)),
    )  # fmt: skip
