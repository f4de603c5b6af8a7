"""Rows of the zoo: networks for microcontrollers."""

from __future__ import annotations

from cosim_workloads.row import Row

_MIT, _TINY = "mit-han-lab/mcunet", "mlcommons/tiny"
TINY: dict[str, Row] = {
    "ds_cnn": ("mlperf_tiny:ds_cnn", {}, "MLPerf Tiny keyword spotting: DS-CNN.", _TINY),
    "mobilenet_v1_025_96": (
        "mobilenet_v1",
        {"width": 0.25, "size": 96, "classes": 2, "same": True},
        "MLPerf Tiny visual wake words: MobileNet v1, width 0.25, 96x96.",
        _TINY,
    ),
    "person_detect": (
        "mobilenet_v1",
        {"width": 0.25, "size": 96, "colours": 1, "classes": 2, "same": True},
        "Person detection of TensorFlow Lite Micro: MobileNet v1, width 0.25, 96x96 grey.",
        "tensorflow/tflite-micro",
    ),
    "resnet8": ("mlperf_tiny:resnet8", {}, "MLPerf Tiny image classification: ResNet-8, 32x32.", _TINY),
    "autoencoder": (
        "mlperf_tiny:autoencoder",
        {},
        "MLPerf Tiny anomaly detection: fully connected autoencoder.",
        _TINY,
    ),
    **{
        f"mcunet_{size}": ("mcunet", {"size": size}, f"MCUNet {size} for ImageNet, {image}x{image}.", _MIT)
        for size, image in (("in0", 48), ("in1", 96), ("in2", 160), ("in3", 176), ("in4", 160))
    },
}
