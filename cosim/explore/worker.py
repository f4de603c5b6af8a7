"""A worker process: designs in on stdin, results out on stdout, one JSON object per line; it ends with its explorer."""

from __future__ import annotations

import json
import os
import sys

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


def main() -> None:
    """Answer until stdin ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w", encoding="utf-8")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a plugin prints is no answer
    from cosim.explore.evaluate import Evaluator
    from cosim.explore.space import Setup

    evaluator = Evaluator()
    for line in sys.stdin:
        what, setup = json.loads(line)
        do = evaluator.execute if what == "execute" else evaluator.evaluate
        found = do(Setup(**setup))
        answers.write(json.dumps(found) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
