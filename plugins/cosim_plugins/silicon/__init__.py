"""Devices that exist: what was published of them, and how cosim models them."""
