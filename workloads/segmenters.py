"""Rows of the zoo: networks that label every pixel."""

from __future__ import annotations

from cosim_workloads.row import Row

SEGMENTERS: dict[str, Row] = {
    **{
        f"deeplabv3_mobilenet_v2{suffix}": (
            "deeplab:deeplabv3_mobilenet_v2",
            {"output_stride": stride},
            f"DeepLab v3 on MobileNet v2, scores at 1/{stride} of 513x513.",
            "TF model garden",
        )
        for suffix, stride in (("_os8", 8), ("", 16), ("_os32", 32))
    },
    "semantic_fpn": (
        "semantic_fpn",
        {},
        "Feature pyramid on ResNet-18 for the classes of Cityscapes, 256x512.",
        "Xilinx/Vitis-AI",
    ),
    "unet_quarter": ("vitis:unet_quarter", {}, "U-Net with a quarter of the channels, 512x512.", "Xilinx/Vitis-AI"),
    "erfnet": ("erfnet", {}, "ERFNet for the classes of Cityscapes, 512x1024.", "Eromera/erfnet_pytorch"),
}
