"""Timers: interpreters that give a `Program` its times.

`reference` (SimPy) is the definition, `compiled` (numba) the fast one; they agree to the femtosecond. What each
rule means is told in docs/explanation/time.md. A timer is asked as `compiled.simulate(program)`, the bounds as
`bounds.bounds(program)`. Names are loaded when first used, so the compiled timer does not import SimPy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cosim.timing.account import Stalls, engine_busy, resource_busy, stalls
    from cosim.timing.bounds import Bounds, check_bounds
    from cosim.timing.critical import Reasons, critical_path
    from cosim.timing.times import HORIZON_FS, Cause, Times
    from cosim.timing.trace import write_perfetto

_HOME = {
    "Bounds": "bounds",
    "Cause": "times",
    "HORIZON_FS": "times",
    "Reasons": "critical",
    "Stalls": "account",
    "Times": "times",
    "check_bounds": "bounds",
    "critical_path": "critical",
    "engine_busy": "account",
    "resource_busy": "account",
    "stalls": "account",
    "write_perfetto": "trace",
}

__all__ = [
    "HORIZON_FS",
    "Bounds",
    "Cause",
    "Reasons",
    "Stalls",
    "Times",
    "check_bounds",
    "critical_path",
    "engine_busy",
    "resource_busy",
    "stalls",
    "write_perfetto",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
