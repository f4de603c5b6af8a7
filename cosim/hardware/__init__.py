"""Descriptions of devices and of technologies: frozen data, and the loaders that read them from YAML."""

from cosim.hardware.hardware import Clock, Engine, Hardware, Link, Memory, Port
from cosim.hardware.load import load_hardware
from cosim.hardware.machine import Machine, resource_time_fs
from cosim.hardware.technology import Price, SramPoint, Technology
from cosim.hardware.technology_load import load_technology

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
    "load_technology",
    "resource_time_fs",
]
