"""The compiled timer: a program interpreted in numba, event by event, to the same times as `reference`."""

from __future__ import annotations

from cosim.program.program import Program
from cosim.timing.events import interpret
from cosim.timing.state import columns, state, tables
from cosim.timing.times import Times, beyond_horizon, deadlock


def simulate(program: Program) -> Times:
    """Times of a program, found by compiled code. Raises `SimulationError` on a deadlock or beyond the horizon."""
    read, kept, out = tables(program), state(program), columns(len(program))
    done = interpret(read, kept, out)
    if done < 0:
        raise beyond_horizon()
    if done < len(program):
        raise deadlock(program, program.position < kept.queues["released"][program.queue])
    return Times(*out, timer="compiled")
