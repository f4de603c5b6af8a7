"""`Program`: the artefact between mapping and its three readers."""

from cosim.program.assemble import assemble
from cosim.program.check import check, findings
from cosim.program.draft import Draft
from cosim.program.listing import listing
from cosim.program.program import BoxTable, BufferTable, Content, Flag, Program, ServiceTable
from cosim.program.steady import steady
from cosim.program.store import load_program, save_program
from cosim.program.work import engine_commands, with_tiles, with_traffic, with_work

__all__ = [
    "BoxTable",
    "BufferTable",
    "Content",
    "Draft",
    "Flag",
    "Program",
    "ServiceTable",
    "assemble",
    "check",
    "engine_commands",
    "findings",
    "listing",
    "load_program",
    "save_program",
    "steady",
    "with_tiles",
    "with_traffic",
    "with_work",
]
