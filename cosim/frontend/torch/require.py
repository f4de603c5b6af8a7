"""PyTorch is optional: it is imported when it is needed, and missed with a remedy."""

from __future__ import annotations

from typing import Any

from cosim.errors import UnsupportedError


def require_torch() -> Any:
    """The module `torch`.

    Raises
    ------
    UnsupportedError
        When it is not installed.
    """
    try:
        import torch
    except ImportError as error:
        raise UnsupportedError(
            "PyTorch is not installed",
            allowed="everything but the PyTorch frontend and training works without it",
            fix="pip install cosim[torch]",
        ) from error
    return torch
