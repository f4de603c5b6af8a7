"""The network zoo: every network of `NETWORKS` is built in milliseconds, with synthetic weights made from a seed.

Parameters bear the names of the reference implementation named in `source`, so a user's weights fit by name
(`cosim.graph.with_weights`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import MappingProxyType
from typing import Any

from cosim.errors import DescriptionError, unknown
from cosim.graph import Graph

__all__ = ["NETWORKS", "Network", "build"]


@dataclass(frozen=True)
class Network:
    """One network of the zoo, called to build it.

    Attributes
    ----------
    name, summary
        Name in the zoo, and one line about it.
    source
        Whose architecture, parameter names and counts it follows.
    builder, arguments
        Place of the family's function (name, batch, seed, **arguments), ``"module:function"`` or ``"module"`` where
        both have one name, imported when it is called; and what this member passes.
    """

    name: str
    summary: str
    source: str
    builder: str = field(repr=False)
    arguments: Mapping[str, Any] = field(repr=False)

    def __call__(self, *, batch: int = 1, seed: int = 0) -> Graph:
        """Build the graph."""
        if batch < 1:
            raise DescriptionError(f"batch is {batch}", where=f"network {self.name}", allowed="an integer >= 1")
        module, _, function = self.builder.partition(":")
        build_family = getattr(import_module(f"{__name__}.{module}"), function or module)
        graph: Graph = build_family(self.name, batch, seed, **self.arguments)
        return graph


def _at_width(family: str, percent: int) -> str:
    """Name of a family's member: the full width is the family itself."""
    return family if percent == 100 else f"{family}_{percent:03d}"


# name -> (builder, arguments, summary, source)
_Row = tuple[str, Mapping[str, Any], str, str]
_TV, _TIMM, _HF, _TINY, _STORIES = "torchvision", "timm", "transformers", "mlcommons/tiny", "karpathy/llama2.c"
_DARKNET, _YOLOX = "pjreddie/darknet", "Megvii-BaseDetection/YOLOX"
_DECODERS = ("stories260k", "stories15m")
_REGNETS = ("200mf", "400mf", "600mf", "800mf", "1.6gf", "3.2gf", "4.0gf", "6.4gf", "8.0gf", "12gf", "16gf", "32gf")
_TABLE: dict[str, _Row] = {
    "digits_cnn": ("digits:digits_cnn", {}, "Three convolutions for 8x8 digits.", "cosim"),
    "alexnet": ("alexnet", {}, "AlexNet, one tower.", _TV),
    **{f"vgg{n}": ("vgg", {"depth": n}, f"VGG-{n}.", _TV) for n in (16, 19)},
    **{f"vgg{n}_bn": ("vgg", {"depth": n, "norm": True}, f"VGG-{n} with batch norm.", _TV) for n in (16, 19)},
    **{f"resnet{n}": ("resnet", {"depth": n}, f"ResNet-{n}.", _TV) for n in (18, 34, 50, 101, 152)},
    "squeezenet1_0": ("squeezenet", {"version": "1.0"}, "SqueezeNet 1.0.", _TV),
    "squeezenet1_1": ("squeezenet", {"version": "1.1"}, "SqueezeNet 1.1.", _TV),
    "googlenet": ("googlenet", {}, "GoogLeNet (Inception v1) with batch norm, without auxiliary heads.", _TV),
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
    "efficientnet_b0": ("efficientnet:efficientnet_b0", {}, "EfficientNet-B0.", _TV),
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
    "ds_cnn": ("mlperf_tiny:ds_cnn", {}, "MLPerf Tiny keyword spotting: DS-CNN.", _TINY),
    "mobilenet_v1_025_96": (
        "mobilenet_v1",
        {"width": 0.25, "size": 96, "classes": 2, "same": True},
        "MLPerf Tiny visual wake words: MobileNet v1, width 0.25, 96x96.",
        _TINY,
    ),
    "resnet8": ("mlperf_tiny:resnet8", {}, "MLPerf Tiny image classification: ResNet-8, 32x32.", _TINY),
    "autoencoder": (
        "mlperf_tiny:autoencoder",
        {},
        "MLPerf Tiny anomaly detection: fully connected autoencoder.",
        _TINY,
    ),
    "yolov2_voc_448": (
        "darknet:yolov2",
        {"classes": 20, "image": 448},
        "YOLOv2 for the 20 classes of VOC, 448x448.",
        _DARKNET,
    ),
    "yolov2_tiny": ("darknet:yolov2_tiny", {}, "YOLOv2-tiny, 416x416.", _DARKNET),
    "yolov3": ("darknet:yolov3", {}, "YOLOv3, 416x416.", _DARKNET),
    "yolov3_608": ("darknet:yolov3", {"rows": 608, "columns": 608}, "YOLOv3, 608x608.", _DARKNET),
    "yolov3_voc": ("darknet:yolov3", {"classes": 20}, "YOLOv3 for the 20 classes of VOC, 416x416.", _DARKNET),
    "yolov3_tiny": ("darknet:yolov3_tiny", {}, "YOLOv3-tiny, 416x416.", _DARKNET),
    "yolov4_tiny": ("darknet:yolov4_tiny", {}, "YOLOv4-tiny, 416x416.", _DARKNET),
    **{f"yolov5{s}": ("yolov5", {"size": s}, f"YOLOv5{s}, 640x640.", "ultralytics/yolov5") for s in "nsm"},
    **{f"yolov8{s}": ("yolov8", {"size": s}, f"YOLOv8{s}, 640x640.", "ultralytics") for s in "nsmlx"},
    **{
        f"yolox_{size}": ("yolox", {"size": size, "image": image}, f"YOLOX-{size}, {image}x{image}.", _YOLOX)
        for size, image in (("nano", 416), ("tiny", 416), ("s", 640), ("m", 640))
    },
    "vit_tiny": ("vit", {"width": 192, "heads": 3}, "ViT-Ti/16.", _TIMM),
    "deit_tiny": ("vit", {"width": 192, "heads": 3}, "DeiT-Ti/16, without the distillation token.", _TIMM),
    "deit_small": ("vit", {"width": 384, "heads": 6}, "DeiT-S/16, without the distillation token.", _TIMM),
    **{
        f"bert_{size}": ("bert", {"layers": n, "width": w}, f"BERT, {n} layers of {w}, 128 tokens.", _HF)
        for size, n, w in (("tiny", 2, 128), ("mini", 4, 256), ("small", 4, 512), ("base", 12, 768))
    },
    **{
        f"{size}_prefill": (
            "llama:stories_prefill",
            {"size": size, "sequence": 128},
            f"LLaMA-style {size}: 128 tokens read at once.",
            _STORIES,
        )
        for size in _DECODERS
    },
    **{
        f"{size}_decode": (
            "llama:stories_decode",
            {"size": size, "context": 256},
            f"LLaMA-style {size}: one token, 256 in the KV cache.",
            _STORIES,
        )
        for size in _DECODERS
    },
}

NETWORKS: Mapping[str, Network] = MappingProxyType(
    {
        name: Network(name, summary, source, builder, MappingProxyType(dict(arguments)))
        for name, (builder, arguments, summary, source) in _TABLE.items()
    }
)


def build(name: str, batch: int = 1, seed: int = 0) -> Graph:
    """The graph of a network of the zoo.

    Raises
    ------
    DescriptionError
        For an unknown name, listing all and the nearest.
    """
    if name not in NETWORKS:
        raise unknown("network", name, NETWORKS)
    return NETWORKS[name](batch=batch, seed=seed)
