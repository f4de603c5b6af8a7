"""How many elements agree, by arithmetic and op: ``python -m tests.parity.table`` from the recorded samples,
``python -m tests.parity.table 200`` from that many live cases of each group."""

from __future__ import annotations

import sys

from cosim.execute import whole
from tests.parity.engines import engine
from tests.parity.groups import GROUPS
from tests.parity.record import FOLDER, read, unpacked

FIRST = 1000  # seeds that are not recorded


def recorded(name):
    """Line -> [elements, elements that differ] of the recorded samples of a group."""
    found = {}
    for case, arrays, outputs in read(FOLDER / f"{name}.npz"):
        for line, expected in outputs.items():
            graph, codes = unpacked(case, arrays, line)
            _count(found.setdefault(line, [0, 0]), whole(graph, codes)["y"], expected)
    return found


def live(name, line, seeds, first=FIRST):
    """[elements, elements that differ] of `seeds` cases run by the framework now, and the first seed that differs."""
    group, tally, worst = GROUPS[name], [0, 0], None
    for seed in range(first, first + seeds):
        graph, codes = group.make(line, seed)
        before = tally[1]
        _count(tally, whole(graph, codes)["y"], engine(line, qdq=group.qdq)(graph, codes))
        if worst is None and tally[1] > before:
            worst = seed
    return tally, worst


def _count(tally, ours, theirs):
    tally[0] += ours.size
    tally[1] += int((ours.reshape(-1) != theirs.reshape(-1)).sum())


def main(seeds=0):
    totals = {}
    for name, group in GROUPS.items():
        found = {line: live(name, line, min(seeds, group.live))[0] for line in group.lines} if seeds else recorded(name)
        for line, (elements, wrong) in found.items():
            tally = totals.setdefault((line, group.op), [0, 0])
            tally[0] += elements
            tally[1] += wrong
    print("| arithmetic | op | elements | differ |\n|---|---|---|---|")
    for (line, op), (elements, wrong) in sorted(totals.items()):
        print(f"| {line} | {op} | {elements} | {wrong} |")


if __name__ == "__main__":
    main(*(int(word) for word in sys.argv[1:]))
