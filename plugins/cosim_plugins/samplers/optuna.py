"""Optuna's samplers for several objectives, as samplers of cosim; needs the extra ``explore``.

NSGA-II: Deb et al., IEEE Transactions on Evolutionary Computation 6 (2002), doi:10.1109/4235.996017. Tree-structured Parzen
estimator: Ozaki et al., GECCO 2020, doi:10.1145/3377930.3389817. Optuna: Akiba et al., KDD 2019, doi:10.1145/3292500.3330701.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cosim.errors import UnsupportedError
from cosim.plugin import SamplerKind

MOST_POPULATION = 50


def nsga2() -> SamplerKind:
    """Non-dominated sorting genetic algorithm."""

    def made(module: Any, seed: int) -> Any:
        return module.samplers.NSGAIISampler(population_size=MOST_POPULATION, seed=seed)

    return _kind(made)


def tpe() -> SamplerKind:
    """Tree-structured Parzen estimator, multivariate."""

    def made(module: Any, seed: int) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that two options are new
            return module.samplers.TPESampler(multivariate=True, constant_liar=True, seed=seed)

    return _kind(made)


def _kind(make: Callable[[Any, int], Any]) -> SamplerKind:
    module = _optuna()

    def kind(*, choices: Sequence[int], objectives: int, seed: int) -> OptunaSampler:
        return OptunaSampler(module, make(module, seed), choices, objectives)

    return kind


class OptunaSampler:
    """A study in memory: every axis is an integer, the position of its value."""

    def __init__(self, module: Any, sampler: Any, choices: Sequence[int], objectives: int) -> None:
        self.module = module
        module.logging.set_verbosity(module.logging.ERROR)
        self.study = module.create_study(directions=["minimize"] * objectives, sampler=sampler)
        ranges = (module.distributions.IntDistribution(0, count - 1) for count in choices)
        self.space = {f"axis {place}": held for place, held in enumerate(ranges)}
        self.open: dict[tuple[int, ...], list[Any]] = {}
        self.known: dict[tuple[int, ...], NDArray[np.float64]] = {}

    def ask(self, count: int) -> NDArray[np.int32]:
        """Designs worth a look, shape (at most `count`, axes); one that was told of before is told again at once."""
        found: list[tuple[int, ...]] = []
        for _ in range(count):
            trial = self.study.ask(self.space)
            codes = tuple(int(trial.params[name]) for name in self.space)
            if codes in self.known:
                self._tell(trial, self.known[codes])
                continue
            self.open.setdefault(codes, []).append(trial)
            found.append(codes)
        return np.array(found, np.int32).reshape(len(found), len(self.space))

    def tell(self, codes: NDArray[np.int32], objectives: NDArray[np.float64]) -> None:
        """Objectives of designs, shapes (designs, axes) and (designs, objectives); NaN is a failed trial."""
        for row, values in zip(codes.tolist(), objectives, strict=True):
            mark = tuple(row)
            self.known[mark] = values
            for trial in self.open.pop(mark, []):
                self._tell(trial, values)

    def _tell(self, trial: Any, values: NDArray[np.float64]) -> None:
        if np.isnan(values).any():
            self.study.tell(trial, state=self.module.trial.TrialState.FAIL)
        else:
            self.study.tell(trial, values.tolist())


def _optuna() -> Any:
    try:
        return import_module("optuna")
    except ImportError as error:
        raise UnsupportedError("this sampler needs the package optuna", fix="pip install 'cosim[explore]'") from error
