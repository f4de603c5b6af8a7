"""`Peer`: another tool in an environment of its own, found, started and watched."""

from __future__ import annotations

import importlib.util
import json
import resource
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

from cosim.errors import DescriptionError, UnsupportedError, unknown

HOME = Path(".peers")
MARK = "cosim-peer-result:"  # the peers print freely, the answer is behind this
SHOWN = 3


@dataclass(frozen=True)
class Peer:
    """A tool and what its environment needs.

    Attributes
    ----------
    module
        What importing it means.
    requirements
        For pip; pins that the tool does not make itself.
    """

    name: str
    title: str
    module: str
    requirements: tuple[str, ...]

    @property
    def install(self) -> str:
        """Commands that make an environment where it is looked for."""
        wanted = " ".join(f"'{line}'" if "<" in line else line for line in self.requirements)
        return f"python -m venv {HOME / self.name} && {HOME / self.name}/bin/pip install {wanted}   (or: make peers)"


PEERS: Mapping[str, Peer] = MappingProxyType(
    {
        # 3.0.0 stops with a TypeError on numpy 2.4, which it would resolve.
        "scalesim": Peer("scalesim", "SCALE-Sim", "scalesim", ("scalesim==3.0.0", "numpy<2.4")),
        # 3.9.1 imports six and does not say so.
        "zigzag": Peer("zigzag", "ZigZag", "zigzag", ("zigzag-dse==3.9.1", "six")),
        "vela": Peer("vela", "Vela", "ethosu.vela", ("ethos-u-vela==5.2.0",)),
    }
)


def peer_called(name: str) -> Peer:
    """The peer of that name; raises `DescriptionError` with the nearest otherwise."""
    if name not in PEERS:
        raise unknown("peer", name, PEERS, where="--with")
    return PEERS[name]


@dataclass(frozen=True)
class PeerRun:
    """What a script in the peer's environment answered.

    Attributes
    ----------
    answer
        Whatever the script handed over, as JSON.
    cpu_s
        CPU time of the process and its children, start and imports included [s].
    """

    answer: Any
    cpu_s: float


@dataclass(frozen=True)
class PeerPython:
    """The interpreter of a peer's environment; an absolute path, links kept: they lead out of the environment."""

    peer: Peer
    path: Path = field(default_factory=lambda: Path(sys.executable))

    @staticmethod
    def find(peer: Peer, given: Path | None = None) -> PeerPython:
        """The interpreter that was given, the one of `.peers`, or this one, in this order.

        Raises
        ------
        DescriptionError
            The interpreter that was given is not there.
        UnsupportedError
            None of them has the peer; `fix` says how to install it.
        """
        if given is not None:
            if not given.is_file():
                raise DescriptionError(f"no such file: {given}", where="--peer-python", fix="give a python executable")
            return _having(PeerPython(peer, given.absolute()), "--peer-python")
        beside = HOME / peer.name / "bin" / "python"
        if beside.is_file():
            return _having(PeerPython(peer, beside.absolute()), str(beside))
        if _importable(peer.module):
            return PeerPython(peer)
        raise UnsupportedError(
            f"{peer.title} is not installed",
            where=f"--with {peer.name}",
            allowed=f"an environment in {beside.parent.parent}, or --peer-python PATH",
            fix=peer.install,
        )

    def run(self, script: str, request: Mapping[str, Any], folder: Path, timeout_s: float) -> PeerRun:
        """Run `script` in `folder` with `request` as JSON on stdin; its answer is the line after `MARK`.

        Raises
        ------
        UnsupportedError
            It failed or took longer; the message has the end of what it said.
        """
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with (
            tempfile.TemporaryFile("w+", encoding="utf-8") as out,
            tempfile.TemporaryFile("w+", encoding="utf-8") as err,
        ):
            try:
                done = subprocess.run(  # noqa: S603 - a script of ours in the user's interpreter
                    [str(self.path), "-c", script],
                    input=json.dumps(request),
                    stdout=out,
                    stderr=err,
                    text=True,
                    cwd=folder,
                    timeout=timeout_s,
                    check=False,
                )
            except subprocess.TimeoutExpired:
                raise UnsupportedError(
                    f"{self.peer.title} is not done after {timeout_s:g} s",
                    where=f"--with {self.peer.name}",
                    fix="a higher --timeout, or a smaller network",
                ) from None
            out.seek(0)
            err.seek(0)
            said, complaints = out.read(), err.read()
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        _, mark, answer = said.rpartition(MARK)
        if done.returncode or not mark:
            raise self._failed(done.returncode, complaints or said)
        return PeerRun(json.loads(answer), cpu_s)

    def _failed(self, code: int, said: str) -> UnsupportedError:
        # of a traceback the exception alone: where inside the peer it arose helps nobody here
        lines = [line for line in said.splitlines() if line.strip() and not line.startswith((" ", "Traceback"))]
        text = "\n    ".join(lines[-SHOWN:]) or "it said nothing"
        fixes = {
            "No module named 'six'": "ZigZag needs six and does not say so: pip install six in its environment",
            "only 0-dimensional arrays": "SCALE-Sim 3.0.0 needs numpy<2.4: pip install 'numpy<2.4' in its environment",
        }
        if self.peer.name == "zigzag":
            ordering = "a temporal_ordering that does not fit every layer stops ZigZag: leave it out of the mapping"
            fixes |= dict.fromkeys(
                ("tuple.index(x)", "KeyError: O", "KeyError: F", "KeyError: K", "KeyError: C"), ordering
            )
        fix = next((fix for sign, fix in fixes.items() if sign in said), "repeat with --keep DIR to look at its files")
        return UnsupportedError(
            f"{self.peer.title} ended with code {code}:\n    {text}", where=f"--with {self.peer.name}", fix=fix
        )


def _having(python: PeerPython, where: str) -> PeerPython:
    """`python`, if it has its peer."""
    code = f"import importlib.util, sys; sys.exit(importlib.util.find_spec({python.peer.module!r}) is None)"
    try:
        done = subprocess.run([str(python.path), "-c", code], capture_output=True, text=True, check=False)  # noqa: S603 - the user's interpreter
    except OSError as error:
        raise DescriptionError(f"{python.path} cannot be started: {error.strerror}", where=where) from error
    if done.returncode:
        raise UnsupportedError(
            f"{python.path} has no {python.peer.title}", where=where, fix=f"for instance {python.peer.install}"
        )
    return python


def _importable(module: str) -> bool:
    try:
        return importlib.util.find_spec(module) is not None
    except ModuleNotFoundError:
        return False


if __name__ == "__main__":  # `make peers` asks what to install
    sys.stdout.write(" ".join(peer_called(sys.argv[1]).requirements) + "\n")
