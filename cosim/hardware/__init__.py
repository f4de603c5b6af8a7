"""Descriptions of devices and of technologies: frozen data, and the loaders that read them from YAML."""

from cosim.hardware.hardware import Clock, Engine, Hardware, Link, Memory, Port
from cosim.hardware.load import load_hardware
from cosim.hardware.machine import Machine, resource_time_fs
from cosim.hardware.technology import Price, SramPoint, Technology

__all__ = [
    "Clock",
    "Engine",
    "Hardware",
    "Link",
    "Machine",
    "Memory",
    "Port",
    "Price",
    "SramPoint",
    "Technology",
    "load_hardware",
    "resource_time_fs",
]
