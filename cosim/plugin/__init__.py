"""The contract of a plugin: hooks, the protocols of what they return, and the registry that collects it."""

from cosim.plugin.board import Board, Constant, Measured, Peaks
from cosim.plugin.functions import Kernel, Metric, Workload
from cosim.plugin.generator import Generated, Generator
from cosim.plugin.hooks import Factories, hookimpl
from cosim.plugin.lazy import lazy
from cosim.plugin.protocols import Compression, EngineKind, Frontend, HardwareReader, Mapper, ValueBound
from cosim.plugin.registry import Catalogue, Entry, Plugin, Registry, build_registry, load_registry
from cosim.plugin.reproduction import Note, Reproduced, Reproduction, Row
from cosim.plugin.sampler import Sampler, SamplerKind
from cosim.plugin.section import Bars, Block, Facts, Listing, Paragraph, ReportSection, Tables

__all__ = [
    "Bars",
    "Block",
    "Board",
    "Catalogue",
    "Compression",
    "Constant",
    "EngineKind",
    "Entry",
    "Factories",
    "Facts",
    "Frontend",
    "Generated",
    "Generator",
    "HardwareReader",
    "Kernel",
    "Listing",
    "Mapper",
    "Measured",
    "Metric",
    "Note",
    "Paragraph",
    "Peaks",
    "Plugin",
    "Registry",
    "ReportSection",
    "Reproduced",
    "Reproduction",
    "Row",
    "Sampler",
    "SamplerKind",
    "Tables",
    "ValueBound",
    "Workload",
    "build_registry",
    "hookimpl",
    "lazy",
    "load_registry",
]
