"""Arenas: one array in which all activations of a network have fixed places, as on a microcontroller."""

from cosim.arena.plan import Arena, patched, plan
from cosim.arena.stack import STACKS, Stack, find_stack

__all__ = ["STACKS", "Arena", "Stack", "find_stack", "patched", "plan"]
