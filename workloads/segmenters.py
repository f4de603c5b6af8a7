"""Rows of the zoo: networks that label every pixel."""

from __future__ import annotations

from cosim_workloads.row import Row

SEGMENTERS: dict[str, Row] = {
    "erfnet": ("erfnet", {}, "ERFNet for the classes of Cityscapes, 512x1024.", "Eromera/erfnet_pytorch"),
}
