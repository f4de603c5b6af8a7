"""A small ZigZag accelerator and mapping to change and to read."""

from __future__ import annotations

HARDWARE = """\
name: small
memories:
  weight_register:
    size: 1024
    r_cost: 0.1
    w_cost: 0.2
    area: 0
    latency: 1
    operands: [I2]
    ports:
      - {name: r_port_1, type: read, bandwidth_min: 8, bandwidth_max: 8, allocation: ["I2, tl"]}
      - {name: w_port_1, type: write, bandwidth_min: 8, bandwidth_max: 8, allocation: ["I2, fh"]}
    served_dimensions: []
  sum_register:
    size: 16
    r_cost: 0.02
    w_cost: 0.02
    area: 0
    latency: 1
    operands: [O]
    ports:
      - {name: r_port_1, type: read, bandwidth_min: 16, bandwidth_max: 16, allocation: ["O, tl", "O, th"]}
      - {name: w_port_1, type: write, bandwidth_min: 16, bandwidth_max: 16, allocation: ["O, fh", "O, fl"]}
    served_dimensions: []
  buffer:
    size: 4194304
    r_cost: 400.0
    w_cost: 300.0
    area: 0
    latency: 1
    operands: [I1, O]
    ports:
      - {name: r_port_1, type: read, bandwidth_min: 64, bandwidth_max: 1024, allocation: ["I1, tl", "O, tl", "O, th"]}
      - {name: w_port_1, type: write, bandwidth_min: 64, bandwidth_max: 1024, allocation: ["I1, fh", "O, fh", "O, fl"]}
    served_dimensions: [D1, D2]
  dram:
    size: 8000000000
    r_cost: 700
    w_cost: 750
    area: 0
    latency: 1
    operands: [I1, I2, O]
    ports:
      - name: rw_port_1
        type: read_write
        bandwidth_min: 64
        bandwidth_max: 64
        allocation: ["I1, fh", "I1, tl", "I2, fh", "I2, tl", "O, fh", "O, tl", "O, fl", "O, th"]
    served_dimensions: [D1, D2]
operational_array:
  unit_energy: 0.04
  unit_area: 1
  dimensions: [D1, D2]
  sizes: [32, 16]
"""

MAPPING = """\
- name: default
  spatial_mapping:
    D1: ["K, 32"]
    D2: ["C, 8", "FX, 2"]
  temporal_ordering:
    - [OX, 112]
  memory_operand_links: {O: O, W: I2, I: I1}
- name: Add
  spatial_mapping:
    D1: ["G, 32"]
  memory_operand_links: {O: O, W: I2, I: I1}
"""

#: 32 x 32 multipliers with the memories of ZigZag's own example of this kind.
TPU = (
    HARDWARE.replace("name: small", "name: tpu")
    .replace("size: 4194304", "size: 16777216")
    .replace("r_cost: 0.1\n    w_cost: 0.2", "r_cost: 0.095\n    w_cost: 0.095")
    .replace("r_cost: 400.0\n    w_cost: 300.0", "r_cost: 416.16\n    w_cost: 378.4")
    .replace("bandwidth_max: 1024", "bandwidth_max: 2048")
    .replace("sizes: [32, 16]", "sizes: [32, 32]")
)
TPU_MAPPING = MAPPING.replace('"C, 8", "FX, 2"', '"C, 32"').replace("  temporal_ordering:\n    - [OX, 112]\n", "")
