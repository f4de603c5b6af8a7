"""The network zoo: every network of `NETWORKS` is built in milliseconds, with synthetic weights made from a seed.

Parameters bear the names of the reference implementation named in `source`, so a user's weights fit by name
(`cosim.graph.with_weights`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from cosim_workloads.alexnet import alexnet
from cosim_workloads.bert import bert
from cosim_workloads.digits import digits_cnn
from cosim_workloads.efficientnet import efficientnet_b0, efficientnet_edgetpu
from cosim_workloads.ghostnet import ghostnet
from cosim_workloads.googlenet import googlenet
from cosim_workloads.inception_v3 import inception_v3
from cosim_workloads.inception_v4 import inception_v4
from cosim_workloads.llama import STORIES15M, STORIES260K, decode, prefill
from cosim_workloads.mlperf_tiny import autoencoder, ds_cnn, resnet8
from cosim_workloads.mobilenet_v1 import mobilenet_v1
from cosim_workloads.mobilenet_v2 import mobilenet_v2
from cosim_workloads.mobilenet_v3 import mobilenet_v3
from cosim_workloads.regnet import REGNETX, REGNETY, regnet
from cosim_workloads.resnet import resnet
from cosim_workloads.shufflenet_v2 import shufflenet_v2
from cosim_workloads.squeezenet import squeezenet
from cosim_workloads.vgg import vgg
from cosim_workloads.vit import vit

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
        The function of the family (name, batch, seed, **arguments) and what this member passes.
    """

    name: str
    summary: str
    source: str
    builder: Callable[..., Graph] = field(repr=False)
    arguments: Mapping[str, Any] = field(repr=False)

    def __call__(self, *, batch: int = 1, seed: int = 0) -> Graph:
        """Build the graph."""
        if batch < 1:
            raise DescriptionError(f"batch is {batch}", where=f"network {self.name}", allowed="an integer >= 1")
        return self.builder(self.name, batch, seed, **self.arguments)


def _at_width(family: str, percent: int) -> str:
    """Name of a family's member: the full width is the family itself."""
    return family if percent == 100 else f"{family}_{percent:03d}"


# name -> (builder, arguments, summary, source)
_Row = tuple[Callable[..., Graph], Mapping[str, Any], str, str]
_TV, _TIMM, _HF, _TINY, _STORIES = "torchvision", "timm", "transformers", "mlcommons/tiny", "karpathy/llama2.c"
_DECODERS = {"stories260k": STORIES260K, "stories15m": STORIES15M}
_TABLE: dict[str, _Row] = {
    "digits_cnn": (digits_cnn, {}, "Three convolutions for 8x8 digits.", "cosim"),
    "alexnet": (alexnet, {}, "AlexNet, one tower.", _TV),
    **{f"vgg{n}": (vgg, {"depth": n}, f"VGG-{n}.", _TV) for n in (16, 19)},
    **{f"vgg{n}_bn": (vgg, {"depth": n, "norm": True}, f"VGG-{n} with batch norm.", _TV) for n in (16, 19)},
    **{f"resnet{n}": (resnet, {"depth": n}, f"ResNet-{n}.", _TV) for n in (18, 34, 50, 101, 152)},
    "squeezenet1_0": (squeezenet, {"version": "1.0"}, "SqueezeNet 1.0.", _TV),
    "squeezenet1_1": (squeezenet, {"version": "1.1"}, "SqueezeNet 1.1.", _TV),
    "googlenet": (googlenet, {}, "GoogLeNet (Inception v1) with batch norm, without auxiliary heads.", _TV),
    "inception_v3": (inception_v3, {}, "Inception v3 without the auxiliary head, 299x299.", _TV),
    "inception_v4": (inception_v4, {}, "Inception v4, 299x299.", _TIMM),
    **{
        _at_width("mobilenet_v1", percent): (mobilenet_v1, {"width": percent / 100}, f"MobileNet v1, width {w}.", _TIMM)
        for percent, w in ((25, "0.25"), (50, "0.5"), (75, "0.75"), (100, "1.0"))
    },
    **{
        _at_width("mobilenet_v2", percent): (mobilenet_v2, {"width": percent / 100}, f"MobileNet v2, width {w}.", _TV)
        for percent, w in ((35, "0.35"), (50, "0.5"), (75, "0.75"), (100, "1.0"), (140, "1.4"))
    },
    "mobilenet_v3_large": (mobilenet_v3, {"size": "large"}, "MobileNet v3 large.", _TV),
    "mobilenet_v3_small": (mobilenet_v3, {"size": "small"}, "MobileNet v3 small.", _TV),
    **{
        f"shufflenet_v2_{w.replace('.', '_')}": (shufflenet_v2, {"width": float(w)}, f"ShuffleNet v2, width {w}.", _TV)
        for w in ("0.5", "1.0", "1.5", "2.0")
    },
    **{
        _at_width("ghostnet", percent): (ghostnet, {"width": percent / 100}, f"GhostNet, width {w}.", _TIMM)
        for percent, w in ((50, "0.5"), (100, "1.0"), (130, "1.3"))
    },
    "efficientnet_b0": (efficientnet_b0, {}, "EfficientNet-B0.", _TV),
    **{
        f"efficientnet_edgetpu_{letter}": (
            efficientnet_edgetpu,
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
    **{f"regnetx_{s}": (regnet, {"design": d}, f"RegNetX-{s.upper()}.", "pycls") for s, d in REGNETX.items()},
    **{
        f"regnety_{s}": (regnet, {"design": d, "excite": 0.25}, f"RegNetY-{s.upper()}.", "pycls")
        for s, d in REGNETY.items()
    },
    "ds_cnn": (ds_cnn, {}, "MLPerf Tiny keyword spotting: DS-CNN.", _TINY),
    "mobilenet_v1_025_96": (
        mobilenet_v1,
        {"width": 0.25, "size": 96, "classes": 2, "same": True},
        "MLPerf Tiny visual wake words: MobileNet v1, width 0.25, 96x96.",
        _TINY,
    ),
    "resnet8": (resnet8, {}, "MLPerf Tiny image classification: ResNet-8, 32x32.", _TINY),
    "autoencoder": (autoencoder, {}, "MLPerf Tiny anomaly detection: fully connected autoencoder.", _TINY),
    "vit_tiny": (vit, {"width": 192, "heads": 3}, "ViT-Ti/16.", _TIMM),
    "deit_tiny": (vit, {"width": 192, "heads": 3}, "DeiT-Ti/16, without the distillation token.", _TIMM),
    "deit_small": (vit, {"width": 384, "heads": 6}, "DeiT-S/16, without the distillation token.", _TIMM),
    **{
        f"bert_{size}": (bert, {"layers": n, "width": w}, f"BERT, {n} layers of {w}, 128 tokens.", _HF)
        for size, n, w in (("tiny", 2, 128), ("mini", 4, 256), ("small", 4, 512), ("base", 12, 768))
    },
    **{
        f"{size}_prefill": (
            prefill,
            {"decoder": decoder, "sequence": 128},
            f"LLaMA-style {size}: 128 tokens read at once.",
            _STORIES,
        )
        for size, decoder in _DECODERS.items()
    },
    **{
        f"{size}_decode": (
            decode,
            {"decoder": decoder, "context": 256},
            f"LLaMA-style {size}: one token, 256 in the KV cache.",
            _STORIES,
        )
        for size, decoder in _DECODERS.items()
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
