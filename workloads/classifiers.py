"""Rows of the zoo: networks that classify images."""

from __future__ import annotations

from cosim_workloads.row import Row

_CAFFE, _KERAS, _MIT, _SLIM, _TIMM, _TV = "BVLC/caffe", "keras", "mit-han-lab/mcunet", "TF-Slim", "timm", "torchvision"
_VITIS = "Xilinx/Vitis-AI"
_REGNETS = ("200mf", "400mf", "600mf", "800mf", "1.6gf", "3.2gf", "4.0gf", "6.4gf", "8.0gf", "12gf", "16gf", "32gf")


def _at_width(family: str, percent: int) -> str:
    """Name of a family's member: the full width is the family itself."""
    return family if percent == 100 else f"{family}_{percent:03d}"


CLASSIFIERS: dict[str, Row] = {
    "digits_cnn": ("digits:digits_cnn", {}, "Three convolutions for 8x8 digits.", "cosim"),
    "alexnet": ("alexnet", {}, "AlexNet, one tower.", _TV),
    **{f"vgg{n}": ("vgg", {"depth": n}, f"VGG-{n}.", _TV) for n in (16, 19)},
    **{f"vgg{n}_bn": ("vgg", {"depth": n, "norm": True}, f"VGG-{n} with batch norm.", _TV) for n in (16, 19)},
    **{f"resnet{n}": ("resnet", {"depth": n}, f"ResNet-{n}.", _TV) for n in (18, 34, 50, 101, 152)},
    "resnet50_v1": (
        "resnet",
        {"depth": 50, "early_stride": True},
        "ResNet-50 v1: stride in the first 1x1 convolution, as Caffe and Keras.",
        _TV,
    ),
    "resnet50_v1_slim": (
        "resnet_late",
        {"depth": 50, "version": 1},
        "ResNet-50 v1 as TF-Slim: stride in the last block of a stage.",
        _SLIM,
    ),
    "resnet50_v2": ("resnet_late", {"depth": 50, "version": 2}, "ResNet-50 v2.", _KERAS),
    "resnet50_v2_299": ("resnet_late", {"depth": 50, "version": 2, "image": 299}, "ResNet-50 v2, 299x299.", _KERAS),
    "resnext26_32x4d": ("resnet", {"depth": 26, "groups": 32, "group_width": 4}, "ResNeXt-26 32x4d.", _TIMM),
    "resnext50_32x4d": ("resnet", {"depth": 50, "groups": 32, "group_width": 4}, "ResNeXt-50 32x4d.", _TV),
    "resnext101_32x8d": ("resnet", {"depth": 101, "groups": 32, "group_width": 8}, "ResNeXt-101 32x8d.", _TV),
    "wide_resnet50_2": ("resnet", {"depth": 50, "group_width": 128}, "Wide ResNet-50-2.", _TV),
    "densenet121": ("densenet", {"depth": 121}, "DenseNet-121.", _TV),
    **{f"convnext_{size}": ("convnext", {"size": size}, f"ConvNeXt-{size}.", _TV) for size in ("tiny", "base")},
    "face_recognition_resnet20": (
        "vitis:face_recognition_resnet20",
        {},
        "Features of a face: ResNet-20 without batch norm where it halves, 112x96.",
        _VITIS,
    ),
    "face_quality": ("vitis:face_quality", {}, "Points of a face and its quality, 80x60.", _VITIS),
    **{
        f"person_reid_resnet{depth}": (
            "vitis:person_reid",
            {"depth": depth, "rows": rows, "columns": columns},
            f"Features of a person: ResNet-{depth} without classifier, {rows}x{columns}.",
            _VITIS,
        )
        for depth, rows, columns in ((18, 176, 80), (50, 256, 128))
    },
    "squeezenet1_0": ("squeezenet", {"version": "1.0"}, "SqueezeNet 1.0.", _TV),
    "squeezenet1_1": ("squeezenet", {"version": "1.1"}, "SqueezeNet 1.1.", _TV),
    "googlenet": ("googlenet", {}, "GoogLeNet (Inception v1) with batch norm, without auxiliary heads.", _TV),
    "caffe_alexnet": ("caffe:caffe_alexnet", {}, "AlexNet in two groups, 227x227.", _CAFFE),
    "caffe_googlenet": ("caffe:caffe_googlenet", {}, "GoogLeNet with 5x5 convolutions, no batch norm.", _CAFFE),
    "caffe_inception_v2": (
        "inception_v2",
        {"separable": False},
        "Inception v2, its first convolution full.",
        _CAFFE,
    ),
    "inception_v2": ("inception_v2", {}, "Inception v2.", _SLIM),
    "inception_v3": ("inception_v3", {}, "Inception v3 without the auxiliary head, 299x299.", _TV),
    "inception_v4": ("inception_v4", {}, "Inception v4, 299x299.", _TIMM),
    **{
        _at_width("mobilenet_v1", percent): (
            "mobilenet_v1",
            {"width": percent / 100},
            f"MobileNet v1, width {w}.",
            _TIMM,
        )
        for percent, w in ((25, "0.25"), (50, "0.5"), (75, "0.75"), (100, "1.0"))
    },
    **{
        _at_width("mobilenet_v2", percent): ("mobilenet_v2", {"width": percent / 100}, f"MobileNet v2, width {w}.", _TV)
        for percent, w in ((35, "0.35"), (50, "0.5"), (75, "0.75"), (100, "1.0"), (140, "1.4"))
    },
    "mobilenet_v1_128": ("mobilenet_v1", {"size": 128}, "MobileNet v1, width 1.0, 128x128.", _TIMM),
    "mobilenet_v1_050_160": (
        "mobilenet_v1",
        {"width": 0.5, "size": 160},
        "MobileNet v1, width 0.5, 160x160.",
        _TIMM,
    ),
    "mobilenet_v1_025_128": (
        "mobilenet_v1",
        {"width": 0.25, "size": 128},
        "MobileNet v1, width 0.25, 128x128.",
        _TIMM,
    ),
    "mobilenet_v2_035_128": (
        "mobilenet_v2",
        {"width": 0.35, "size": 128},
        "MobileNet v2, width 0.35, 128x128.",
        _TV,
    ),
    **{
        f"mobilenet_v3_{size}_minimalistic": (
            "mobilenet_v3",
            {"size": size, "minimalistic": True},
            f"MobileNet v3 {size} without squeeze-excite, 5x5 kernels and hard swish.",
            _TV,
        )
        for size in ("large", "small")
    },
    "mobilenet_v3_large": ("mobilenet_v3", {"size": "large"}, "MobileNet v3 large.", _TV),
    "mobilenet_v3_small": ("mobilenet_v3", {"size": "small"}, "MobileNet v3 small.", _TV),
    **{
        f"shufflenet_v2_{w.replace('.', '_')}": (
            "shufflenet_v2",
            {"width": float(w)},
            f"ShuffleNet v2, width {w}.",
            _TV,
        )
        for w in ("0.5", "1.0", "1.5", "2.0")
    },
    **{
        _at_width("ghostnet", percent): ("ghostnet", {"width": percent / 100}, f"GhostNet, width {w}.", _TIMM)
        for percent, w in ((50, "0.5"), (100, "1.0"), (130, "1.3"))
    },
    "mnasnet0_5": ("mnasnet", {"width": 0.5}, "MnasNet-B1, width 0.5.", _TV),
    "mnasnet1_0": ("mnasnet", {"width": 1.0}, "MnasNet-B1, width 1.0.", _TV),
    "proxyless_mobile": ("mcunet:proxyless", {}, "ProxylessNAS (mobile).", _MIT),
    "efficientnet_b0": ("efficientnet:efficientnet_b0", {}, "EfficientNet-B0.", _TV),
    **{
        f"efficientnet_lite{i}": (
            "efficientnet_lite",
            {"width": width, "depth": depth, "image": image},
            f"EfficientNet-Lite{i}, {image}x{image}.",
            _TIMM,
        )
        for i, (width, depth, image) in enumerate(
            ((1.0, 1.0, 224), (1.0, 1.1, 240), (1.1, 1.2, 260), (1.2, 1.4, 280), (1.4, 1.8, 300))
        )
    },
    **{f"repvgg_{s}": ("repvgg", {"size": s}, f"RepVGG-{s.upper()} as deployed.", _TIMM) for s in ("a0", "a1", "a2")},
    **{
        f"efficientnet_edgetpu_{letter}": (
            "efficientnet:efficientnet_edgetpu",
            {"width": width, "depth": depth, "size": size},
            f"EfficientNet-EdgeTPU {word}, {size}x{size}.",
            _TIMM,
        )
        for letter, word, width, depth, size in (
            ("s", "small", 1.0, 1.0, 224),
            ("m", "medium", 1.0, 1.1, 240),
            ("l", "large", 1.2, 1.4, 300),
        )
    },
    **{
        f"regnet{letter}_{size}": (
            f"regnet:regnet{letter}",
            {"size": size},
            f"RegNet{letter.upper()}-{size.upper()}.",
            "pycls",
        )
        for letter in "xy"
        for size in _REGNETS
    },
    "vit_tiny": ("vit", {"width": 192, "heads": 3}, "ViT-Ti/16.", _TIMM),
    "vit_small": ("vit", {"width": 384, "heads": 6}, "ViT-S/16.", _TIMM),
    "vit_base": ("vit", {"width": 768, "heads": 12}, "ViT-B/16.", _TIMM),
    "deit_base": ("vit", {"width": 768, "heads": 12}, "DeiT-B/16, without the distillation token.", _TIMM),
    "deit_tiny": ("vit", {"width": 192, "heads": 3}, "DeiT-Ti/16, without the distillation token.", _TIMM),
    "deit_small": ("vit", {"width": 384, "heads": 6}, "DeiT-S/16, without the distillation token.", _TIMM),
}
