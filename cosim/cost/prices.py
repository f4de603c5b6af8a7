"""What one count of an action costs: ``"component.verb"`` to prices, through the hardware and its technology."""

from __future__ import annotations

import math
from dataclasses import dataclass

from cosim.cost.arithmetic import action_price
from cosim.cost.sram import sram_access
from cosim.errors import UnsupportedError, nearest
from cosim.hardware.hardware import Engine, Hardware, Link, Memory
from cosim.hardware.technology import Price, Technology

BITS_PER_BYTE = 8
HOOK = "a technology that has it, by the hook `cosim_technologies` or in the technology's description"
# Where a technology has no row of its own: a cycle of a microcontroller's kernels is one of a core.
SAME_AS = {"kernel_cycle": "host_cycle"}


@dataclass(frozen=True)
class Term:
    """One part of what an action costs; parts differ in source, so that their bands combine rightly.

    Attributes
    ----------
    part
        ``"bank"``, ``"wire"``, ``"dram"``, ``"unit"`` ...
    per
        What one count is: ``"byte"``, ``"cycle"``, ``"operation"``.
    price
        Energy of one count [pJ].
    """

    part: str
    per: str
    price: Price


def terms(action: str, hardware: Hardware, technology: Technology) -> tuple[Term, ...]:
    """Prices of one count of ``"component.verb"``.

    Raises
    ------
    UnsupportedError
        No such component, or no price: an action is never free.
    """
    component, _, verb = action.partition(".")
    if component in hardware.memories:
        return _memory(action, hardware.memories[component], verb, technology)
    if component in hardware.links:
        return _link(action, hardware.links[component], verb, technology)
    if component in hardware.engines:
        return _engine(action, hardware.engines[component], verb, hardware, technology)
    known = [*hardware.memories, *hardware.links, *hardware.engines]
    raise UnsupportedError(
        f"action {action!r} has no component{nearest(component, known)}",
        where=f"hardware {hardware.name}",
        allowed=", ".join(known),
    )


def _no_price(action: str, missing: str, technology: Technology, known: list[str]) -> UnsupportedError:
    name = missing.rpartition(" ")[2].strip("'")
    return UnsupportedError(
        f"action {action!r} has no price: no {missing}{nearest(name, known)}",
        where=f"technology {technology.name}",
        allowed=", ".join(sorted(known)),
        fix=f"add {HOOK}",
    )


def _memory(action: str, memory: Memory, verb: str, technology: Technology) -> tuple[Term, ...]:
    if verb not in {"read_bytes", "write_bytes"}:
        raise _no_price(action, f"memory verb '{verb}'", technology, ["read_bytes", "write_bytes"])
    if memory.technology == "sram":
        return _sram(memory, verb.removesuffix("_bytes"), technology)
    if memory.technology == "flip_flop":
        bit = unit_price(action, "register_bit", technology)
        return (Term("register", "byte", bit.times(BITS_PER_BYTE, unit="pJ", rule="8 flip-flops per byte")),)
    if memory.technology not in technology.dram:
        kinds = ["sram", "flip_flop", *(kind for kind in technology.dram if "." not in kind)]
        raise _no_price(action, f"memory technology '{memory.technology}'", technology, kinds)
    bit = technology.dram[memory.technology]
    if verb == "write_bytes":
        bit = technology.dram.get(f"{memory.technology}.write", bit)
    return (Term("dram", "byte", bit.times(BITS_PER_BYTE, unit="pJ", rule="8 bits per byte")),)


def _sram(memory: Memory, verb: str, technology: Technology) -> tuple[Term, ...]:
    access = sram_access(technology, bank_bytes(memory), memory.width_bits, verb)
    per_byte = BITS_PER_BYTE / memory.width_bits
    rule = f"per byte of whole accesses of {memory.width_bits} bit"
    bank = Term("bank", "byte", access.times(per_byte, unit="pJ", rule=rule))
    if memory.banks == 1:
        return (bank,)  # the table's macro contains its own wires
    distance = port_distance_mm(memory, technology)
    wire = technology.densities["wire_pj_per_bit_mm"]
    rule = f"bank to port: 0.75 of the side of a square of all banks = {distance:.3g} mm"
    return (bank, Term("wire", "byte", wire.times(BITS_PER_BYTE * distance, unit="pJ", rule=rule)))


def bank_bytes(memory: Memory) -> int:
    """Capacity of one bank, rounded up [byte]."""
    return -(-memory.size_bytes // memory.banks)


def port_distance_mm(memory: Memory, technology: Technology) -> float:
    """Mean Manhattan distance from a bank to a port in the middle of one edge [mm].

    For a square of side s filled with banks it is s/4 along that edge plus s/2 across.
    """
    side_um = math.sqrt(memory.size_bytes * BITS_PER_BYTE * technology.densities["sram_um2_per_bit"].value)
    return 0.75 * side_um / 1000


def _link(action: str, link: Link, verb: str, technology: Technology) -> tuple[Term, ...]:
    if verb != "bytes":
        raise _no_price(action, f"link verb '{verb}'", technology, ["bytes"])
    if link.technology != "wire":
        raise _no_price(action, f"link technology '{link.technology}'", technology, ["wire"])
    wire = technology.densities["wire_pj_per_bit_mm"]
    rule = f"8 bits per byte over {link.length_mm:g} mm"
    return (Term("wire", "byte", wire.times(BITS_PER_BYTE * link.length_mm, unit="pJ", rule=rule)),)


def _engine(action: str, engine: Engine, verb: str, hardware: Hardware, technology: Technology) -> tuple[Term, ...]:
    price = dynamic_at_voltage(_engine_price(action, engine, verb, technology), engine, hardware, technology)
    return (Term("unit", "cycle" if verb.endswith("_cycle") else "operation", price),)


def _engine_price(action: str, engine: Engine, verb: str, technology: Technology) -> Price:
    """Price of a verb, or of its dearest form ``verb_FORMAT`` over the engine's formats: an array is clocked whole."""
    price = action_price(verb, technology)
    if price is None and verb in SAME_AS:
        price = action_price(SAME_AS[verb], technology)
    if price is not None:
        return price
    forms = [action_price(f"{verb}_{code}", technology) for code in engine.formats]
    known = [form for form in forms if form is not None]
    if not known:
        raise _no_price(action, f"verb '{verb}'", technology, list(technology.actions))
    return max(known, key=lambda price: price.value)


def unit_price(action: str, name: str, technology: Technology) -> Price:
    """Entry `name` of the technology's actions, or what is derived from others."""
    price = action_price(name, technology)
    if price is None:
        raise _no_price(action, f"verb '{name}'", technology, list(technology.actions))
    return price


def dynamic_at_voltage(price: Price, engine: Engine, hardware: Hardware, technology: Technology) -> Price:
    """Dynamic energy at the supply of the engine's clock: (V / nominal)^2.

    Checked on one chip: Eyeriss at 1.0 and 0.82 V, doi:10.1109/JSSC.2016.2616357.
    """
    voltage = hardware.clocks[engine.clock].voltage_v
    if voltage is None or voltage == technology.voltage_v:
        return price
    factor = (voltage / technology.voltage_v) ** 2
    return price.times(factor, rule=f"({voltage:g} V / {technology.voltage_v:g} V)^2")


def leakage_at_voltage(price: Price, engine: Engine, hardware: Hardware, technology: Technology) -> Price:
    """Leakage power at the supply of the engine's clock: (V / nominal) x exp(3 (V - nominal))."""
    voltage, nominal = hardware.clocks[engine.clock].voltage_v, technology.voltage_v
    if voltage is None or voltage == nominal:
        return price
    factor = voltage / nominal * math.exp(3 * (voltage - nominal))
    return price.times(factor, rule=f"{voltage:g} V / {nominal:g} V x exp(3 x {voltage - nominal:.3g})")
