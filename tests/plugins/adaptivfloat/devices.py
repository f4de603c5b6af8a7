"""Devices of the tests: an edge NPU whose array is made of the plugin's processing elements, fed tile by tile."""

from __future__ import annotations

TILED = """
schema: 1
name: tiled
summary: elements of the plugin behind a small SRAM, so that every op is cut into tiles
technology: TECHNOLOGY
main_memory: dram
source: "for tests"
clocks:
  core: {frequency: 1 GHz, source: "for tests"}
memories:
  dram: {size: 16 MiB, technology: lpddr4, bandwidth: 16 B/cycle, clock: core, burst: 64 B, source: "for tests"}
  sram:
    size: SIZE
    technology: sram
    banks: 4
    width: 128 bit
    ports: {dma: {bandwidth: 16 B/cycle, clock: core, burst: 64 B}, compute: {bandwidth: 64 B/cycle, clock: core, burst: 64 B}}
    source: "for tests"
engines:
  dma_in: {kind: dma, clock: core, from: dram, to: sram, via: [dram, sram.dma], source: "for tests"}
  dma_out: {kind: dma, clock: core, from: sram, to: dram, via: [sram.dma, dram], source: "for tests"}
  pe:
    {kind: KIND, clock: core, operands: sram, via: [sram.compute], formats: [FORMAT], elements: 1, size: 4, overhead: 4,
     instructions: 2, bus: 16, source: "for tests"}
  vector: {kind: vector_unit, clock: core, operands: sram, via: [sram.compute], formats: [FORMAT], lanes: 8, products: false,
     source: "for tests"}
"""


def tiled(kind, code, *, size="4 KiB", technology="cmos-16nm"):
    """The text of a description of that device."""
    text = TILED
    for name, value in (("KIND", kind), ("FORMAT", code), ("SIZE", size), ("TECHNOLOGY", technology)):
        text = text.replace(name, value)
    return text
