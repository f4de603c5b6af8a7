"""Streaming dataflow on an FPGA, as FINN builds it: a unit of its own for every layer, generated from the graph."""
