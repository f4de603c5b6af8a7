"""`AcceleratorReader`: a ZigZag accelerator as a device: one array, one memory per level that commands can fill."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cosim.errors import DescriptionError, UnsupportedError
from cosim.hardware.document import digest
from cosim.hardware.foreign import ForeignHardware
from cosim.hardware.schema import keys_at
from cosim.interop.fallback import fallback_engines
from cosim.interop.zigzag.accelerator import Accelerator, Port, Store, is_accelerator, read_accelerator
from cosim.interop.zigzag.mapping import SpatialMapping, mapping_beside, spatial_mapping
from cosim.interop.zigzag.technology import DRAM, technology_of

PACKAGED = "cmos-28nm"  # where the file leaves its energies to CACTI
_WEIGHT_LOOPS = frozenset({"G", "K", "C", "FX", "FY"})
_INPUT_LOOPS = frozenset({"B", "G", "C", "OX", "OY", "FX", "FY"})
_WITH_ENERGY = ("r_cost", "w_cost")


class AcceleratorReader:
    """Memories, ports and the array of a hardware file, and the unrolling of a mapping file."""

    name = "zigzag"
    summary = "ZigZag accelerators, with keys memories and operational_array"
    suffixes = (".yaml", ".yml")

    def claims(self, path: Path) -> bool:
        """Whether the two keys are there."""
        return is_accelerator(path)

    def read(self, path: Path, mapping: Path | None) -> ForeignHardware:
        """The device; without `mapping` the one of the same name in ZigZag's own folders, if it is there."""
        accelerator = read_accelerator(path)
        try:
            spatial = spatial_mapping(accelerator, mapping or mapping_beside(path))
            return _Device(accelerator, spatial, path.name).foreign()
        except DescriptionError as error:
            place = error.where or str(path)
            raise DescriptionError(error.found, where=place, allowed=error.allowed, fix=error.fix) from None


@dataclass(frozen=True)
class _Memory:
    """A memory of the device: the level that it stands for, and how many instances there are."""

    store: Store
    instances: int

    @property
    def name(self) -> str:
        return self.store.name

    @property
    def n_bytes(self) -> int:
        return self.instances * self.store.bits // 8


class _Device:
    """Roles of the memories, and the description made of them."""

    def __init__(self, accelerator: Accelerator, spatial: SpatialMapping, file: str) -> None:
        self.accelerator, self.spatial, self.file = accelerator, spatial, file
        self.source = f"ZigZag hardware file {file}"
        self.i, self.w, self.o = (spatial.links[operand] for operand in "IWO")
        self.main = self._main()
        self.features = self._outermost(self.i, _INPUT_LOOPS)
        if self.o not in self.features.store.operands:
            raise UnsupportedError(
                f"inputs are in {self.features.name} and outputs elsewhere",
                where=file,
                allowed="an outermost on-chip memory that holds both",
                fix=f"let {self.features.name} hold {self.o} too, and add its ports",
            )
        weights = self._outermost(self.w, _WEIGHT_LOOPS)
        self.weights = None if weights.name == self.features.name else weights
        self.widths = self._widths()

    def foreign(self) -> ForeignHardware:
        """Document, notes and prices."""
        own = [memory for memory in (self.features, self.weights) if memory is not None]
        costs = [cost for memory in (self.main, *(m.store for m in own)) for cost in (memory.read_pj, memory.write_pj)]
        mac = self.accelerator.mac_pj
        document = self._document()
        if mac is None or None in costs:
            document["technology"] = PACKAGED
            document["memories"][self.main.name]["technology"] = "lpddr4"
            return ForeignHardware(document, (*self._notes(), *_packaged_notes()))
        technology = technology_of(
            self.file, mac, self.main, {m.store: -(-m.n_bytes // m.instances) for m in own}, self.widths
        )
        content = {"accelerator": repr(self.accelerator), "widths": self.widths}
        return ForeignHardware(
            document, (*self._notes(), *_energy_notes(mac)), replace(technology, digest=digest(content))
        )

    # --- roles ----------------------------------------------------------------------------------------------------

    def _main(self) -> Store:
        tops = {self.accelerator.levels(operand)[-1].name for operand in (self.i, self.w, self.o)}
        if len(tops) != 1:
            raise UnsupportedError(
                f"the outermost memories of the operands are {', '.join(sorted(tops))}",
                where=self.file,
                allowed="one outermost memory that holds I1, I2 and O",
                fix="add a memory for all three after the others",
            )
        return next(store for store in self.accelerator.stores if store.name in tops)

    def _outermost(self, operand: str, loops: frozenset[str]) -> _Memory:
        inner = self.accelerator.levels(operand)[:-1]
        if not inner:
            raise UnsupportedError(
                f"{operand} has no memory inside {self.main.name}", where=self.file, fix="add one, however small"
            )
        return _Memory(inner[-1], self.accelerator.instances(inner[-1], self.spatial.copies(loops)))

    def _widths(self) -> dict[str, int]:
        """Bits of a full access: ``r_cost`` and ``w_cost`` pay one of ``bandwidth_max``."""
        chosen = [(self.main, self.i), (self.features.store, self.i)]
        chosen += [(self.weights.store, self.w)] if self.weights else []
        return {store.name: store.port(operand, "tl").bits for store, operand in chosen}

    # --- description ----------------------------------------------------------------------------------------------

    def _document(self) -> dict[str, Any]:
        memories = {self.main.name: self._outer(), self.features.name: self._inner(self.features)}
        if self.weights:
            memories[self.weights.name] = self._inner(self.weights)
        return {
            "schema": 1,
            "name": self.accelerator.name,
            "summary": f"{' x '.join(map(str, self.accelerator.dimensions.values()))} multipliers of {self.file}",
            "technology": self.file,
            "main_memory": self.main.name,
            "source": self.source,
            "clocks": {"core": {"frequency": "1 GHz", "source": "assumed: ZigZag counts cycles"}},
            "memories": memories,
            "engines": self._engines(),
        }

    def _outer(self) -> dict[str, Any]:
        return {
            "size": f"{self.main.bits // 8} B",
            "technology": DRAM,
            "ports": self._ports(self.main, 1),
            "source": self.source,
        }

    def _inner(self, memory: _Memory) -> dict[str, Any]:
        return {
            "size": f"{memory.n_bytes} B",
            "technology": "sram",
            "banks": memory.instances,
            "width": f"{self.widths[memory.name]} bit",
            "ports": self._ports(memory.store, memory.instances),
            "source": self.source,
        }

    def _ports(self, store: Store, instances: int) -> dict[str, Any]:
        return {port.name: _port(port, store.latency, instances) for port in store.ports}

    def _engines(self) -> dict[str, Any]:
        main, features = self.main, self.features.store

        def dma(start: Store, end: Store, steps: list[tuple[Store, Port]]) -> dict[str, Any]:
            via = [f"{store.name}.{port.name}" for store, port in steps]
            ends = {"from": start.name, "to": end.name, "via": list(dict.fromkeys(via))}
            return {"kind": "dma", "clock": "core", **ends, "setup": "0 cycles", "source": self.source}

        load = [(main, main.port(self.i, "tl")), (features, features.port(self.i, "fh"))]
        store = [(features, features.port(self.o, "th")), (main, main.port(self.o, "fl"))]
        engines = {"dma_in": dma(main, features, load), "dma_out": dma(features, main, store)}
        if self.weights:
            inner = self.weights.store
            fill = [(main, main.port(self.w, "tl")), (inner, inner.port(self.w, "fh"))]
            engines["dma_weights"] = dma(main, inner, fill)
        compute = f"{features.name}.{features.port(self.i, 'tl').name}"
        engines["array"] = {
            "kind": "mac_array",
            "clock": "core",
            **self._storage(),
            "via": [compute],
            "formats": ["int8"],
            "unroll": self.spatial.unroll,
            "setup": "0 cycles",
            "source": self.source,
        }
        port = f"{main.name}.{main.port(self.i, 'tl').name}"
        lanes = max(self.spatial.unroll.values(), default=1)
        return engines | fallback_engines(lanes, operands=features.name, main=main.name, port=port)

    def _storage(self) -> dict[str, Any]:
        """Where operands, weights and sums are: sums spill to the memory of inputs and outputs, as wide as its register."""
        keys: dict[str, Any] = {"operands": self.features.name, "accumulators": self.features.name}
        if self.weights:
            keys["weights"] = self.weights.name
        if self.sum_bits and "sum_bits" in keys_at(("engines", "array")):
            keys["sum_bits"] = self.sum_bits
        return keys

    @property
    def sum_bits(self) -> int | None:
        """Width of a register of sums inside the array [bit], None where there is none."""
        inner = self.accelerator.levels(self.o)[0]
        return None if inner in {self.main, self.features.store} else inner.port(self.o, "tl").bits

    # --- notes ----------------------------------------------------------------------------------------------------

    def _notes(self) -> tuple[str, ...]:
        used = {self.main.name, self.features.name, self.weights.name if self.weights else ""}
        inner = [store.name for store in self.accelerator.stores if store.name not in used]
        found = [
            "clock: 1 GHz assumed; cycles do not depend on it",
            *self.spatial.notes,
            f"{self.main.name} is the main memory, {self.features.name} holds inputs, outputs and partial sums"
            + (f", {self._instances(self.weights)} hold the weights" if self.weights else " and the weights"),
        ]
        if inner:
            found.append(
                f"ignored {', '.join(inner)}: levels inside the array; operands stream past them, and their accesses have "
                "neither time nor energy here"
            )
        crossed = f"{self.features.name}.{self.features.store.port(self.i, 'tl').name}"
        found.append(f"the array crosses port {crossed} for what it reads and writes; the tool has a port for each")
        return (*found, *self.accelerator.ignored)

    def _instances(self, memory: _Memory) -> str:
        return f"{memory.instances} x {memory.name}" if memory.instances > 1 else memory.name


def _port(port: Port, latency: int, instances: int) -> dict[str, Any]:
    bits = port.bits * instances
    n_bytes = max(1, bits // 8)
    return {
        "bandwidth": f"{bits} bit/cycle",
        "burst": f"{1 << n_bytes.bit_length() - 1} B",
        "clock": "core",
        "latency": f"{latency} cycles",
    }


def _energy_notes(mac_pj: float) -> tuple[str, ...]:
    return (
        (
            f"energy: r_cost, w_cost [pJ per access of bandwidth_max] and unit_energy {mac_pj:g} pJ of the file; it has no "
            "leakage, clock or background: 0"
        ),
        (
            "the file has an array alone: a vector unit and a host core added (assumed) for what is no product, each "
            "operation at unit_energy"
        ),
    )


def _packaged_notes() -> tuple[str, ...]:
    return (
        f"energy: the file leaves {' or '.join(_WITH_ENERGY)} or unit_energy out: prices of {PACKAGED} and LPDDR4 (assumed)",
        "the file has an array alone: a vector unit and a host core added (assumed) for what is no product",
    )
