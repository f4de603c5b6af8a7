"""Packaged descriptions; see `cosim_hw_models`."""
