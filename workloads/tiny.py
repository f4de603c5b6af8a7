"""Rows of the zoo: networks for microcontrollers."""

from __future__ import annotations

from cosim_workloads.row import Row

_MIT, _ST, _TINY = "mit-han-lab/mcunet", "STMicroelectronics/stm32ai-modelzoo", "mlcommons/tiny"
_ST_WIDTHS = (0.5, 0.75, 0.625, 0.5, 0.375, *(0.25,) * 7)  # of each layer of ST's FD-MobileNet
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
    "cnv": ("finn:cnv", {}, "CNV of FINN and BNN-PYNQ: a small VGG for 32x32 images.", "Xilinx/BNN-PYNQ"),
    **{
        f"{name}fc": ("finn:mlp", {"width": width}, f"{word} MLP of FINN: three hidden layers of {width}.", source)
        for name, width, word, source in (
            ("t", 64, "Tiny", "Xilinx/finn-examples"),
            ("s", 256, "Small", "doi:10.1145/3020078.3021744"),
            ("l", 1024, "Large", "Xilinx/BNN-PYNQ"),
        )
    },
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
    "mcunet_vww1": (
        "mcunet",
        {"size": "vww1", "classes": 2},
        "MCUNet vww1 for visual wake words, 80x80.",
        "mit-han-lab/tinyengine (vww.tflite)",
    ),
    **{
        f"{name}{suffix}": (
            "stm32:fd_mobilenet",
            {"widths": widths, "image": image},
            f"{word} for 5 classes, {image}x{image}.",
            _ST,
        )
        for name, word, widths in (
            ("fd_mobilenet_025", "FD-MobileNet, width 0.25,", (0.25,) * 12),
            ("st_fd_mobilenet", "ST FD-MobileNet v1", _ST_WIDTHS),
        )
        for suffix, image in (("", 224), ("_128", 128))
    },
    **{
        f"st_efficientnet_lc{suffix}": (
            "stm32:st_efficientnet_lc",
            {"image": image},
            f"ST EfficientNet LC v1 for 5 classes, {image}x{image}.",
            _ST,
        )
        for suffix, image in (("", 224), ("_128", 128))
    },
    **{
        f"st_yolo_lc_{image}": (
            "stm32:st_yolo_lc",
            {"image": image},
            f"ST Yolo LC v1 for persons alone, {image}x{image}.",
            _ST,
        )
        for image in (192, 224, 256)
    },
}
