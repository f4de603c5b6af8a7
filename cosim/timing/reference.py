"""The reference timer: a program interpreted with SimPy. Short and plain: it is the definition of time.

One process per queue walks its commands in order; one arbiter process settles each instant after everything else
of that instant has happened. `compiled` must give the same times, and shares no code with this file.
"""

from __future__ import annotations

from bisect import insort
from collections import defaultdict
from collections.abc import Generator
from itertools import pairwise
from operator import attrgetter
from typing import Any

import numpy as np
import simpy

from cosim.errors import SimulationError
from cosim.hardware.machine import resource_time_fs
from cosim.program.program import Program
from cosim.timing.times import HORIZON_FS, Cause, Times, beyond_horizon, deadlock

Process = Generator[simpy.Event, Any, None]
RESOURCE_REFUSED = (Cause.RESOURCE, -1)
KEY = attrgetter("key")
AFTER_ALL = simpy.events.EventPriority(2)  # SimPy's own events of an instant have priority 0 or 1


class Settle(simpy.Event):
    """The last event of an instant."""

    def __init__(self, env: simpy.Environment) -> None:
        super().__init__(env)
        self._ok, self._value = True, None
        env.schedule(self, AFTER_ALL)


class Request(simpy.Event):
    """A wish to start a command, or to go on with its transfer; it triggers when it is granted.

    `holds` are the pairs (resource, time) of its next unit, in ascending order; `engine` is -1 for the rest of a
    transfer, whose engine is held already.
    """

    __slots__ = ("command", "engine", "holds", "idle", "key", "queue", "refused")

    def __init__(
        self, env: simpy.Environment, key: tuple[int, int, int], command: int, engine: int,
        holds: list[tuple[int, int]], *, idle: bool,
    ) -> None:  # fmt: skip
        super().__init__(env)
        self.key = key  # (presented time, -priority, queue): the order of starts
        self.queue = key[2]
        self.command = command
        self.engine = engine
        self.holds = holds
        self.idle = idle  # takes no time: neither cycles nor bytes
        self.refused: tuple[int, int] | None = None  # cause and id of the last refusal


class Service:
    """What one service class costs on one engine, in plain integers."""

    __slots__ = ("cycles_fs", "idle", "is_clocked", "latency_fs", "serial_fs", "units")

    def __init__(self, program: Program, service: int, engine: int) -> None:
        table, machine = program.services, program.machine
        period = machine.engine_period_fs[engine]
        self.cycles_fs = int(table.cycles[service]) * period
        self.serial_fs = int(table.serial_cycles[service]) * period
        self.is_clocked = self.cycles_fs + self.serial_fs > 0
        self.units: list[list[tuple[int, int]]] = []
        self.latency_fs = 0
        n_bytes, path = int(table.n_bytes[service]), int(table.path[service])
        if n_bytes > 0 and path >= 0:
            self.latency_fs = machine.path_latency_fs[path]
            self.units = transfer_units(program, n_bytes, path)
        self.idle = not (self.is_clocked or self.units)


def transfer_units(program: Program, n_bytes: int, path: int) -> list[list[tuple[int, int]]]:
    """For each unit of a transfer, the pairs (resource, time it is held [fs])."""
    machine = program.machine
    resources = sorted(set(machine.paths[path]))
    if not resources:
        raise SimulationError(f"path {path} moves {n_bytes} bytes over no link or port", fix="name what it holds")
    unit = max(machine.unit_bytes[r] for r in resources)

    def held(r: int, first: int, last: int) -> int:
        rate = machine.unit_bytes[r], machine.unit_fs[r]
        return max(1, resource_time_fs(last, *rate) - resource_time_fs(first, *rate))

    cuts = [*range(0, n_bytes, unit), n_bytes]
    return [[(r, held(r, a, b)) for r in resources] for a, b in pairwise(cuts)]


class Interpreter:
    """One run of one program: a process per queue and an arbiter."""

    def __init__(self, program: Program) -> None:
        machine = program.machine
        self.program = program
        self.env = simpy.Environment()
        n = len(program)
        self.ready, self.start, self.release, self.end, self.blocked = ([-1] * n for _ in range(5))
        self.cause = [0] * n
        self.cause_id = [-1] * n
        self.services: dict[tuple[int, int], Service] = {}
        self.on_release: dict[int, simpy.Event] = {}
        self.holder = [-1] * len(machine.engines)  # the command that holds each engine
        self.last_served = [-1] * len(machine.engines)  # its queue
        self.is_shared = [machine.queue_engine.count(e) > 1 for e in range(len(machine.engines))]
        self.has_shared = any(self.is_shared)
        self.held_until = [0] * len(machine.resources)
        self.waiting: list[Request] = []  # in the order of starts
        self.settle: Settle | None = None
        self.order = [program.queue_order[a:b].tolist() for a, b in pairwise(program.queue_offset)]  # fmt: skip
        self.waits = defaultdict[int, list[tuple[int, int]]](list)
        for c in np.flatnonzero(np.diff(program.wait_offset)).tolist():
            self.waits[c] = sorted(program.waits(c))
        self.service_of = program.service.tolist()

    def run(self) -> Times:
        """Interpret all commands."""
        for q, commands in enumerate(self.order):
            if commands:
                self.env.process(self._queue(q, commands))
        self.env.run()
        released = np.array(self.release, np.int64) >= 0
        if not released.all():
            raise deadlock(self.program, released)
        return Times(
            ready_fs=np.array(self.ready, np.int64),
            start_fs=np.array(self.start, np.int64),
            release_fs=np.array(self.release, np.int64),
            end_fs=np.array(self.end, np.int64),
            blocked_fs=np.array(self.blocked, np.int64),
            cause=np.array(self.cause, np.int8),
            cause_id=np.array(self.cause_id, np.int32),
            timer="reference",
        )

    # -- a queue ---------------------------------------------------------------------------------------------

    def _queue(self, q: int, commands: list[int]) -> Process:
        env, machine = self.env, self.program.machine
        engine = machine.queue_engine[q]
        period = machine.engine_period_fs[engine]
        rank = -machine.queue_priority[q]
        last_end = 0
        for position, c in enumerate(commands):
            service = self._service(self.service_of[c], engine)
            if position:
                self.cause[c], self.cause_id[c] = Cause.QUEUE, commands[position - 1]
            ready = int(env.now)
            for queue, count in self.waits.get(c, ()):
                if count > 0:
                    waited = self.order[queue][count - 1] if count <= len(self.order[queue]) else -1
                    while waited < 0 or self.release[waited] < 0:
                        yield self.on_release.setdefault(waited, env.event())
                    if self.end[waited] > ready or (self.end[waited] == ready and self.cause[c] == Cause.NONE):
                        ready = self.end[waited]
                        self.cause[c], self.cause_id[c] = Cause.WAIT, waited
            self.ready[c] = ready

            presented = edge(ready, period) if service.is_clocked else ready
            if presented > env.now:
                yield env.timeout(presented - env.now)
            units = service.units
            request = Request(env, (presented, rank, q), c, engine, units[0] if units else [], idle=service.idle)
            yield self._submit(request)
            start = compute_end = int(env.now)
            if request.refused:
                self.cause[c], self.cause_id[c] = request.refused
            if service.cycles_fs:
                compute_end = edge(start, period) + service.cycles_fs

            moved = start
            blocked = 0
            for k, holds in enumerate(units):
                if k:
                    yield env.timeout(moved - env.now)
                    yield self._submit(Request(env, (moved, rank, q), c, -1, holds, idle=False))
                    blocked += int(env.now) - moved
                moved = int(env.now) + max(time for _, time in holds)
            arrived = moved + service.latency_fs
            release, end = max(compute_end, moved), max(compute_end, arrived)
            if service.serial_fs:
                release = end = edge(end, period) + service.serial_fs
            if end > HORIZON_FS:
                raise beyond_horizon()
            if release > env.now:
                yield env.timeout(release - env.now)

            last_end = max(last_end, end)
            self.start[c], self.release[c], self.end[c], self.blocked[c] = start, release, last_end, blocked
            self._released(c, engine)

    def _service(self, service: int, engine: int) -> Service:
        found = self.services.get((service, engine))
        if found is None:
            found = self.services[service, engine] = Service(self.program, service, engine)
        return found

    def _released(self, command: int, engine: int) -> None:
        if self.holder[engine] == command:
            self.holder[engine] = -1
        event = self.on_release.pop(command, None)
        if event:
            event.succeed()
        if self.waiting:
            self._wake()

    # -- the arbiter -----------------------------------------------------------------------------------------

    def _submit(self, request: Request) -> Request:
        insort(self.waiting, request, key=KEY)
        self._wake()
        return request

    def _wake(self, _: simpy.Event | None = None) -> None:
        if self.settle is None:
            self.settle = Settle(self.env)
            self.settle.callbacks.append(self._arbitrate)

    def _arbitrate(self, _: simpy.Event) -> None:
        """Settle this instant: what takes no time first, then the starts in their order."""
        self.settle = None
        now = int(self.env.now)
        idle = [r for r in self.waiting if r.idle and self.holder[r.engine] < 0]
        if idle:
            for request in idle:
                self._grant(request)
            self._wake()  # their successors belong to this instant
            return
        picked = self._picked() if self.has_shared else {}
        wake_at = HORIZON_FS  # the next time that something falls free which a refused request needs
        for request in tuple(self.waiting):
            engine = request.engine
            if engine >= 0 and (self.holder[engine] >= 0 or picked.get(engine, request) is not request):
                continue
            busy = [until for r, _ in request.holds if (until := self.held_until[r]) > now]
            if busy:
                request.refused = RESOURCE_REFUSED
                wake_at = min(wake_at, *busy)
            else:
                self._start(request, now)
        if self.has_shared:
            for request in self.waiting:
                if request.engine >= 0 and self.holder[request.engine] >= 0:
                    request.refused = Cause.ENGINE, self.holder[request.engine]
        if wake_at < HORIZON_FS:
            self.env.timeout(wake_at - now).callbacks.append(self._wake)

    def _start(self, request: Request, now: int) -> None:
        if request.refused is RESOURCE_REFUSED:
            request.refused = Cause.RESOURCE, next(r for r, _ in request.holds if self.held_until[r] == now)
        for r, time in request.holds:
            self.held_until[r] = now + time
        if request.engine >= 0:
            self.holder[request.engine] = request.command
            self.last_served[request.engine] = request.queue
        self._grant(request)

    def _grant(self, request: Request) -> None:
        self.waiting.remove(request)
        request.succeed()

    def _picked(self) -> dict[int, Request]:
        """For each free engine of several queues, the one request that its policy lets compete."""
        heads = defaultdict[int, list[Request]](list)
        for request in self.waiting:
            if request.engine >= 0 and self.is_shared[request.engine] and self.holder[request.engine] < 0:
                heads[request.engine].append(request)
        return {engine: min(requests, key=self._preference) for engine, requests in heads.items()}

    def _preference(self, request: Request) -> tuple[int, int]:
        machine = self.program.machine
        policy = machine.engine_policy[request.engine]
        if policy == "fixed":
            return 0, request.queue
        if policy == "priority":
            return -machine.queue_priority[request.queue], request.queue
        return int(request.queue <= self.last_served[request.engine]), request.queue


def edge(time: int, period: int) -> int:
    """The first clock edge at or after a time [fs]."""
    return -(-time // period) * period


def simulate(program: Program) -> Times:
    """Times of a program, found with SimPy. Raises `SimulationError` on a deadlock or beyond the horizon."""
    return Interpreter(program).run()
