"""PyTorch modules in and out; PyTorch itself is imported when one of these is called."""

from cosim.frontend.torch.module import to_torch, weights_of
from cosim.frontend.torch.read import from_module, read_torch

__all__ = ["from_module", "read_torch", "to_torch", "weights_of"]
