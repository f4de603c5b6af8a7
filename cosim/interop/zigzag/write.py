"""A device of cosim's own as ZigZag hardware and mapping files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from cosim.cost import terms
from cosim.errors import UnsupportedError
from cosim.hardware.hardware import Engine, Hardware, Memory, Port
from cosim.hardware.technology import Technology
from cosim.interop.zigzag.mapping import LOOPS

LETTERS = {ours: theirs for theirs, ours in LOOPS.items()}
_READS, _WRITES = ("tl", "th"), ("fh", "fl")


def array_of(hardware: Hardware) -> Engine:
    """The first MAC array or systolic array; raises `UnsupportedError` where there is none."""
    for engine in hardware.engines.values():
        if engine.kind in {"mac_array", "systolic_array"}:
            return engine
    raise UnsupportedError(
        "it has no array", where=f"hardware {hardware.name}", allowed="an engine of kind mac_array or systolic_array"
    )


def unrolling_of(engine: Engine) -> dict[str, int]:
    """Loop -> copies in ZigZag's letters; rows of a weight-stationary array are taken as input channels."""
    if engine.kind == "systolic_array":
        down, across = {"os": ("OX", "K"), "ws": ("C", "K"), "is": ("C", "OX")}[str(engine.parameters["dataflow"])]
        return {across: int(engine.parameters["cols"]), down: int(engine.parameters["rows"])}
    return {LETTERS[loop]: int(copies) for loop, copies in engine.parameters["unroll"].items()}


def accelerator_text(hardware: Hardware, technology: Technology) -> str:
    """The hardware file: operand memories, main memory, and a register of sums per adder tree."""
    engine = array_of(hardware)
    unrolled = unrolling_of(engine)
    dimensions = {f"D{number}": copies for number, copies in enumerate(unrolled.values(), 1)}
    everything = list(dimensions)
    summed = [f"D{number}" for number, loop in enumerate(unrolled, 1) if loop in {"C", "FX", "FY"}]
    features, main = hardware.memories[str(engine.operands)], hardware.memories[hardware.main_memory]
    filters = hardware.memories[engine.weights] if engine.weights else features
    memories: dict[str, Any] = {"sums": _register(32, summed)}
    if filters is not features:
        memories[filters.name] = _level(filters, ["I2"], hardware, technology, everything)
    inner = ["I1", "O"] if filters is not features else ["I1", "I2", "O"]
    memories[features.name] = _level(features, inner, hardware, technology, everything)
    memories[main.name] = _level(main, ["I1", "I2", "O"], hardware, technology, everything)
    mac = terms(f"{engine.name}.mac_{engine.formats[0]}", hardware, technology)
    array = {
        "unit_energy": _total(mac),
        "unit_area": 0.0,
        "dimensions": everything,
        "sizes": list(dimensions.values()),
    }
    return yaml.safe_dump({"name": "cosim", "memories": memories, "operational_array": array}, sort_keys=False)


def mapping_text(hardware: Hardware) -> str:
    """The mapping file: the unrolling of the array, for every layer."""
    loops = unrolling_of(array_of(hardware))
    spatial = {f"D{number}": [f"{loop}, {copies}"] for number, (loop, copies) in enumerate(loops.items(), 1)}
    links = {"O": "O", "W": "I2", "I": "I1"}
    return yaml.safe_dump(
        [{"name": "default", "spatial_mapping": spatial, "memory_operand_links": links}], sort_keys=False
    )


def _register(bits: int, served: list[str]) -> dict[str, Any]:
    """A sum of one output, free of charge: cosim prices sums at their memory."""
    ports = [
        _port(number, kind, bits, [f"O, {direction}"])
        for number, (kind, direction) in enumerate(
            (("read", "tl"), ("read", "th"), ("write", "fh"), ("write", "fl")), 1
        )
    ]
    names = ("r_port_1", "r_port_2", "w_port_1", "w_port_2")
    named = [{**port, "name": name} for port, name in zip(ports, names, strict=True)]
    return {**_costs(bits, 0.0, 0.0), "operands": ["O"], "ports": named, "served_dimensions": served}


def _level(
    memory: Memory, operands: list[str], hardware: Hardware, technology: Technology, served: list[str]
) -> dict[str, Any]:
    """A memory with one port for both ways, or one each where it has several ports or none that is counted."""
    rates = [_bits_per_cycle(port, hardware) for port in memory.ports]
    width = max(rates, default=memory.width_bits)
    reads = [f"{operand}, {way}" for operand in operands for way in _READS if operand == "O" or way == "tl"]
    writes = [f"{operand}, {way}" for operand in operands for way in _WRITES if operand == "O" or way == "fh"]
    if len(rates) == 1:
        ports = [_port(1, "read_write", width, reads + writes)]
    else:
        ports = [_port(1, "read", width, reads), _port(1, "write", width, writes)]
    per_byte = [_total(terms(f"{memory.name}.{verb}_bytes", hardware, technology)) for verb in ("read", "write")]
    costs = _costs(memory.size_bytes * 8, *(price * width / 8 for price in per_byte))
    return {**costs, "operands": operands, "ports": ports, "served_dimensions": served}


def _costs(bits: int, read_pj: float, write_pj: float) -> dict[str, Any]:
    return {"size": bits, "r_cost": float(read_pj), "w_cost": float(write_pj), "area": 0.0, "latency": 1}


def _port(number: int, kind: str, bits: int, allocation: list[str]) -> dict[str, Any]:
    name = {"read": "r", "write": "w", "read_write": "rw"}[kind]
    widths = {"bandwidth_min": min(bits, 64), "bandwidth_max": bits}
    return {"name": f"{name}_port_{number}", "type": kind, **widths, "allocation": allocation}


def _bits_per_cycle(port: Port, hardware: Hardware) -> int:
    """Bandwidth in the array's cycles [bit]."""
    period = hardware.clocks[array_of(hardware).clock].period_fs
    return max(8, round(port.unit_bytes * 8 * period / port.unit_fs))


def _total(parts: tuple[Any, ...]) -> float:
    return float(sum(part.price.value for part in parts))


def layer_entry(number: int, loops: Mapping[str, int], **facts: Any) -> dict[str, Any]:
    """A layer of a workload file; `facts` are strides, dilations, image, pads, bits, is_gemm as in a `Product`."""
    bits = facts["bits"]
    entry: dict[str, Any] = {
        "id": number,
        "name": f"L{number}",
        "operand_precision": {"W": bits[1], "I": bits[0], "O_final": bits[2], "O": 2 * bits[0]},
        "operand_source": {"W": number, "I": number},  # both given: the tool may not keep them on chip
    }
    if facts["is_gemm"]:
        heads = loops["G"] > 1
        part = "[h]" if heads else ""
        return entry | {
            "operator_type": "Gemm",
            "equation": f"O{part}[d][k]+=I{part}[d][c]*W{part}[c][k]",
            "dimension_relations": [],
            "loop_dims": ["C", "D", "K", *(["H"] if heads else [])],
            "loop_sizes": [loops["C"], loops["N"], loops["K"], *([loops["G"]] if heads else [])],
        }
    (stride_y, stride_x), (dilation_y, dilation_x) = facts["strides"], facts["dilations"]
    top, left, bottom, right = facts["pads"]
    return entry | {
        "operator_type": "Conv",
        "equation": "O[b][g][k][oy][ox]+=W[g][k][c][fy][fx]*I[b][g][c][iy][ix]",
        "dimension_relations": [f"ix={stride_x}*ox+{dilation_x}*fx", f"iy={stride_y}*oy+{dilation_y}*fy"],
        "loop_dims": ["B", "K", "G", "OX", "OY", "C", "FX", "FY"],
        "loop_sizes": [loops[name] for name in ("N", "K", "G", "OX", "OY", "C", "FX", "FY")],
        "pr_loop_dims": ["IX", "IY"],
        "pr_loop_sizes": [facts["image"][1], facts["image"][0]],
        "padding": [[left, right], [top, bottom]],
    }
