"""Samplers of design spaces."""
