"""Registers what acme adds to cosim."""

from importlib.resources import files

from cosim.plugin import hookimpl, lazy


@hookimpl
def cosim_engine_kinds():
    """The zero-skipping array."""
    return {"acme_zero_skip": lazy("acme_cosim.zero_skip:ZeroSkip")}


@hookimpl
def cosim_formats():
    """The logarithmic format."""
    return {"acme_log4": lazy("acme_cosim.log4:Log4")}


@hookimpl
def cosim_hardware():
    """A device that has the array."""
    return {"acme/zero-skip-64": lambda: files("acme_cosim") / "zero-skip-64.yaml"}


@hookimpl
def cosim_reproductions():
    """A paper about the array."""
    return {"acme_sparsity": lazy("acme_cosim.sparsity_paper:SparsityPaper")}


@hookimpl
def cosim_report_sections():
    """What the array skipped."""
    return {"acme_skipping": lazy("acme_cosim.skipping:Skipping")}
