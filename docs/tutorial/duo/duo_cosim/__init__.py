"""duo5, the unit that multiplies it, a device that has the unit, and what both cost."""

from importlib.resources import files

from cosim.plugin import hookimpl, lazy


@hookimpl
def cosim_formats():
    return {"duo5": lazy("duo_cosim.format:Duo5")}


@hookimpl
def cosim_engine_kinds():
    return {"duo_array": lazy("duo_cosim.array:DuoArray")}


@hookimpl
def cosim_hardware():
    return {"npu/duo-512": lambda: files("duo_cosim") / "duo-512.yaml"}


@hookimpl
def cosim_technologies():
    return {"duo-16nm": lambda: files("duo_cosim") / "duo-16nm.yaml"}
