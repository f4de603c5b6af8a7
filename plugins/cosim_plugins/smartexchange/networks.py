"""Networks of the paper's evaluation that the zoo does not have."""

from __future__ import annotations

from cosim import load_graph
from cosim.graph import Builder, Graph

_VGG11 = (64, 0, 128, 0, 256, 256, 0, 512, 512, 0, 512, 512, 0)  # channels; 0 is a pool
_VGG19 = (64, 64, 0, 128, 128, 0, *(256,) * 4, 0, *(512,) * 4, 0, *(512,) * 4, 0)


def network(name: str) -> Graph:
    """A network of the paper by the name of its table, weights seeded."""
    if name == "VGG11 ImageNet":
        return _vgg("vgg11", _VGG11, 224, (4096, 4096, 1000))
    if name == "VGG19 CIFAR-10":
        return _vgg("vgg19_cifar", _VGG19, 32, (10,))
    zoo = {"ResNet50 ImageNet": "resnet50", "MobileNetV2 ImageNet": "mobilenet_v2"}
    return load_graph(zoo.get(name, "efficientnet_b0"))


def _vgg(name: str, plan: tuple[int, ...], size: int, classifier: tuple[int, ...]) -> Graph:
    """VGG (Simonyan and Zisserman, arXiv:1409.1556) for square images, with one classifier layer on CIFAR-10."""
    b = Builder(name, 0)
    x = b.input("input", (1, 3, size, size))
    for number, channels in enumerate(plan):
        x = b.relu(b.conv2d(x, channels, 3, padding=1, name=f"features.{number}")) if channels else b.max_pool2d(x, 2)
    x = b.flatten(x)
    for number, width in enumerate(classifier):
        x = b.linear(x, width, name=f"classifier.{number}")
        if number < len(classifier) - 1:
            x = b.relu(x)
    b.output(x)
    return b.build()
