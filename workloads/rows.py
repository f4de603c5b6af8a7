"""Rows of the zoo, of all kinds of networks."""

from __future__ import annotations

from cosim_workloads.classifiers import CLASSIFIERS
from cosim_workloads.detectors import DETECTORS
from cosim_workloads.language import LANGUAGE
from cosim_workloads.restorers import RESTORERS
from cosim_workloads.row import Row
from cosim_workloads.segmenters import SEGMENTERS
from cosim_workloads.tiny import TINY

ROWS: dict[str, Row] = {**CLASSIFIERS, **DETECTORS, **SEGMENTERS, **RESTORERS, **TINY, **LANGUAGE}
