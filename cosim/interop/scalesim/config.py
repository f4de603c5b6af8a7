"""`Config`: what a SCALE-Sim configuration says, read from its INI file and written to one."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from cosim.errors import DescriptionError, unknown

DATAFLOWS = ("os", "ws", "is")
MODES = ("CALC", "USER")
ARRAY = "architecture_presets"

#: Keys that are read -> section; every other one is named in the notes.
_USED = MappingProxyType(
    {
        "run_name": "general",
        "arrayheight": ARRAY,
        "arraywidth": ARRAY,
        "ifmapsramszkb": ARRAY,
        "filtersramszkb": ARRAY,
        "ofmapsramszkb": ARRAY,
        "dataflow": ARRAY,
        "bandwidth": ARRAY,
        "ifmapsrambankbandwidth": "layout",
        "filtersrambankbandwidth": "layout",
        "interfacebandwidth": "run_presets",
    }
)
_ADDRESSES = "cosim places tensors itself"
_REQUESTS = "request queues of an external DRAM simulator; cosim's DRAM has bandwidth and latency"
_LAYOUT = "data layout and bank conflicts of the SRAMs are not modelled"
_SPARSITY = "the array is simulated dense"
#: Known keys without counterpart -> why.
_IGNORED: Mapping[str, str] = MappingProxyType(
    {
        "ifmapoffset": _ADDRESSES,
        "filteroffset": _ADDRESSES,
        "ofmapoffset": _ADDRESSES,
        "readrequestbuffer": _REQUESTS,
        "writerequestbuffer": _REQUESTS,
        "useramulatortrace": _REQUESTS,
        "memorybanks": _LAYOUT,
        "ifmapcustomlayout": _LAYOUT,
        "filtercustomlayout": _LAYOUT,
        "ifmapsrambanknum": _LAYOUT,
        "ifmapsrambankport": _LAYOUT,
        "filtersrambanknum": _LAYOUT,
        "filtersrambankport": _LAYOUT,
        "sparsitysupport": _SPARSITY,
        "sparserep": _SPARSITY,
        "optimizedmapping": _SPARSITY,
        "blocksize": _SPARSITY,
        "nonzeroelems": _SPARSITY,
        "randomnumbergeneratorseed": _SPARSITY,
        "topologycsvloc": "the network is given beside the hardware",
    }
)


@dataclass(frozen=True)
class Config:
    """An array with its buffers.

    Attributes
    ----------
    ifmap_kib, filter_kib, ofmap_kib
        Sizes of the SRAMs [KiB], of words of one byte.
    dataflow
        ``"os"``, ``"ws"`` or ``"is"``.
    words_per_cycle
        Bandwidths of the interfaces for inputs, filters and outputs [byte/cycle]; None where the tool works out what
        would be needed (``InterfaceBandwidth: CALC``) and never stalls.
    ignored
        Keys that were left out, each with the reason.
    """

    name: str
    rows: int
    cols: int
    ifmap_kib: int
    filter_kib: int
    ofmap_kib: int
    dataflow: str
    words_per_cycle: tuple[int, int, int] | None = None
    ignored: tuple[str, ...] = ()


def is_config(path: Path) -> bool:
    """Whether the text has a section that only these configurations have."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return False
    return any(line.strip().lower() == f"[{ARRAY}]" for line in text.splitlines())


def read_config(path: Path) -> Config:
    """The configuration in `path`.

    Raises
    ------
    DescriptionError
        No INI file, a key that is missing, or a value that cannot be meant.
    """
    file = _File(path)
    mode = file.text("run_presets", "InterfaceBandwidth", default="CALC").upper()
    if mode not in MODES:
        raise unknown("interface bandwidth", mode, MODES, where=file.at("run_presets", "InterfaceBandwidth"))
    dataflow = file.text(ARRAY, "Dataflow").lower()
    if dataflow not in DATAFLOWS:
        raise unknown("dataflow", dataflow, DATAFLOWS, where=file.at(ARRAY, "Dataflow"))
    return Config(
        name=file.text("general", "run_name", default=path.stem).strip("\"'") or path.stem,
        rows=file.count(ARRAY, "ArrayHeight"),
        cols=file.count(ARRAY, "ArrayWidth"),
        ifmap_kib=file.count(ARRAY, "IfmapSramSzkB"),
        filter_kib=file.count(ARRAY, "FilterSramSzkB"),
        ofmap_kib=file.count(ARRAY, "OfmapSramSzkB"),
        dataflow=dataflow,
        words_per_cycle=None if mode == "CALC" else _bandwidths(file),
        ignored=file.ignored(mode),
    )


def _bandwidths(file: _File) -> tuple[int, int, int]:
    """Version 3 takes the read bandwidths from section ``layout`` and only the write bandwidth from ``Bandwidth``."""
    given = [part.strip() for part in file.text(ARRAY, "Bandwidth").split(",") if part.strip()]
    if not given or not all(part.isdecimal() and int(part) > 0 for part in given):
        raise DescriptionError(
            f"found {', '.join(given) or 'nothing'}", where=file.at(ARRAY, "Bandwidth"), allowed="words per cycle, >= 1"
        )
    default = int(given[0])
    keys = ("IfmapSRAMBankBandwidth", "FilterSRAMBankBandwidth")
    reads = [file.count("layout", key) if file.has("layout", key) else default for key in keys]
    return reads[0], reads[1], default


class _File:
    """The INI file, with errors that name section and key."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.parser = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=("#", ";"))
        try:
            self.parser.read_string(path.read_text(encoding="utf-8"))
        except (configparser.Error, UnicodeDecodeError) as error:
            reason = str(error).splitlines()[0]
            raise DescriptionError(
                f"not a readable INI file: {reason}", where=str(path), allowed="[section] lines with 'key: value' below"
            ) from error

    def at(self, section: str, key: str) -> str:
        return f"{self.path}: [{section}] {key}"

    def has(self, section: str, key: str) -> bool:
        return self.parser.has_option(section, key)

    def text(self, section: str, key: str, *, default: str | None = None) -> str:
        if self.has(section, key):
            return self.parser.get(section, key).strip()
        if default is not None:
            return default
        raise DescriptionError(
            f"key {key!r} is missing", where=f"{self.path}: [{section}]", fix=f"add '{key}: ...' under [{section}]"
        )

    def count(self, section: str, key: str) -> int:
        text = self.text(section, key)
        if not text.isdecimal() or int(text) < 1:
            raise DescriptionError(f"found {text!r}", where=self.at(section, key), allowed="an integer >= 1")
        return int(text)

    def ignored(self, mode: str) -> tuple[str, ...]:
        """One line per reason, with the keys that it holds for."""
        reasons: dict[str, list[str]] = {}
        for section in self.parser.sections():
            for key, value in self.parser.items(section):
                why = self._why(section, key, value, mode)
                if why:
                    reasons.setdefault(why, []).append(f"{key} = {value}")
        return tuple(f"ignored {', '.join(keys)}: {why}" for why, keys in reasons.items())

    def _why(self, section: str, key: str, value: str, mode: str) -> str:
        if key in _IGNORED:
            reason = _IGNORED[key]
            if key == "sparsitysupport" and value.lower() == "true":
                return f"{reason}, so cycles will be above those of the tool"
            return reason
        if key not in _USED:
            return f"no key of [{section}] that is known"
        if section != _USED[key]:
            return f"not read in [{section}], only in [{_USED[key]}]"
        if mode == "CALC" and key in {"bandwidth", "ifmapsrambankbandwidth", "filtersrambankbandwidth"}:
            return "InterfaceBandwidth is CALC, which has no limit"
        return ""


def config_text(config: Config) -> str:
    """`config` as a file that version 3.0.0 accepts: it demands every key below."""
    reads = config.words_per_cycle or (10, 10, 10)
    lines: dict[str, dict[str, object]] = {
        "general": {"run_name": config.name},
        ARRAY: {
            "ArrayHeight": config.rows,
            "ArrayWidth": config.cols,
            "IfmapSramSzkB": config.ifmap_kib,
            "FilterSramSzkB": config.filter_kib,
            "OfmapSramSzkB": config.ofmap_kib,
            "IfmapOffset": 0,
            "FilterOffset": 100_000_000,
            "OfmapOffset": 200_000_000,
            "Dataflow": config.dataflow,
            "Bandwidth": reads[2],
            "ReadRequestBuffer": 64,
            "WriteRequestBuffer": 64,
        },
        "layout": {
            "IfmapCustomLayout": "False",
            "IfmapSRAMBankBandwidth": reads[0],
            "IfmapSRAMBankNum": 1,  # with a bandwidth given, it must be a multiple of this
            "IfmapSRAMBankPort": 2,
            "FilterCustomLayout": "False",
            "FilterSRAMBankBandwidth": reads[1],
            "FilterSRAMBankNum": 1,
            "FilterSRAMBankPort": 2,
        },
        "sparsity": {"SparsitySupport": "false"},
        "run_presets": {
            "InterfaceBandwidth": "CALC" if config.words_per_cycle is None else "USER",
            "UseRamulatorTrace": "False",
        },
    }
    blocks = (
        "\n".join([f"[{section}]", *(f"{key}: {value}" for key, value in keys.items())])
        for section, keys in lines.items()
    )
    return "\n\n".join(blocks) + "\n"
