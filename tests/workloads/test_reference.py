"""Names, shapes and numbers against the reference implementations, where they are installed."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from cosim_workloads import build
from cosim_workloads.llama import STORIES260K, prefill
from cosim_workloads.yolov8 import yolov8

from cosim.execute import whole
from cosim.graph import Seeded

pytestmark = pytest.mark.parity


def _load(module, graph):
    """Our weights in their module; every name and shape must agree."""
    torch = pytest.importorskip("torch")
    state = module.state_dict()
    theirs = {
        name: tuple(value.shape)
        for name, value in state.items()
        if not name.endswith(("num_batches_tracked", "position_ids", "inv_freq", "lm_head.weight", "dfl.conv.weight"))
    }
    ours = {name for name, constant in graph.constants.items() if isinstance(constant, Seeded)}
    assert theirs == {name: graph.tensors[name].shape for name in ours}
    state.update({name: torch.from_numpy(graph.constants[name].array()) for name in ours})
    module.load_state_dict(state)
    return module.eval()


def _same(ours, theirs):
    scale = np.abs(theirs).max()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-5 * scale)


def _image(graph):
    return np.random.default_rng(0).standard_normal(graph.tensors["input"].shape).astype(np.float32)


@pytest.mark.parametrize(
    ("name", "theirs", "arguments"),
    [
        ("alexnet", "alexnet", {}),
        ("vgg16_bn", "vgg16_bn", {}),
        ("resnet18", "resnet18", {}),
        ("resnet50", "resnet50", {}),
        ("resnext50_32x4d", "resnext50_32x4d", {}),
        ("wide_resnet50_2", "wide_resnet50_2", {}),
        ("densenet121", "densenet121", {}),
        ("convnext_tiny", "convnext_tiny", {}),
        ("mnasnet0_5", "mnasnet0_5", {}),
        ("squeezenet1_0", "squeezenet1_0", {}),
        ("googlenet", "googlenet", {"aux_logits": False, "init_weights": False}),
        ("inception_v3", "inception_v3", {"aux_logits": False, "init_weights": False}),
        ("mobilenet_v2_035", "mobilenet_v2", {"width_mult": 0.35}),
        ("mobilenet_v3_large", "mobilenet_v3_large", {}),
        ("mobilenet_v3_small", "mobilenet_v3_small", {}),
        ("shufflenet_v2_0_5", "shufflenet_v2_x0_5", {}),
        ("efficientnet_b0", "efficientnet_b0", {}),
    ],
)
def test_torchvision(name, theirs, arguments):
    torch = pytest.importorskip("torch")
    models = pytest.importorskip("torchvision.models")
    _compare(torch, name, partial(getattr(models, theirs), **arguments))


@pytest.mark.parametrize(
    ("name", "theirs"),
    [
        ("inception_v4", "inception_v4"),
        ("mobilenet_v1", "mobilenetv1_100"),
        ("ghostnet_050", "ghostnet_050"),
        ("ghostnet_130", "ghostnet_130"),
        ("efficientnet_edgetpu_s", "efficientnet_es"),
        ("efficientnet_edgetpu_l", "efficientnet_el"),
        ("efficientnet_lite0", "tf_efficientnet_lite0"),
        ("efficientnet_lite4", "tf_efficientnet_lite4"),
        ("deit_tiny", "deit_tiny_patch16_224"),
        ("vit_base", "vit_base_patch16_224"),
    ],
)
def test_timm(name, theirs):
    torch = pytest.importorskip("torch")
    timm = pytest.importorskip("timm")
    _compare(torch, name, partial(timm.create_model, theirs))


def test_repvgg():
    torch = pytest.importorskip("torch")
    timm = pytest.importorskip("timm")
    _compare(torch, "repvgg_a0", lambda: timm.utils.reparameterize_model(timm.create_model("repvgg_a0").eval()))


def test_yolov8():
    torch = pytest.importorskip("torch")
    tasks = pytest.importorskip("ultralytics.nn.tasks")
    graph = yolov8("yolov8n", 1, 0, size="n", image=128)
    module = _load(tasks.DetectionModel("yolov8n.yaml", verbose=False), graph)
    maps = {}
    heads = [(f"model.22.{branch}.{i}.2", branch, i) for i in range(3) for branch in ("cv2", "cv3")]
    for name, branch, i in heads:
        convolution = getattr(module.model[-1], branch)[i][2]
        convolution.register_forward_hook(lambda _module, _inputs, output, name=name: maps.setdefault(name, output))
    x = _image(graph)
    with torch.no_grad():
        module(torch.from_numpy(x))
    ours = whole(graph, {"input": x})
    assert list(graph.outputs) == [name for name, _, _ in heads]
    for name in graph.outputs:
        _same(ours[name], maps[name].numpy())


def _compare(torch, name, make):
    graph = build(name)
    module = _load(make(), graph)
    x = _image(graph)
    with torch.no_grad():
        theirs = module(torch.from_numpy(x)).numpy()
    _same(whole(graph, {"input": x})[graph.outputs[0]], theirs)


def test_bert():
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    graph = build("bert_tiny")
    config = transformers.BertConfig(hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=512)
    module = _load(transformers.BertModel(config), graph)
    ids = np.random.default_rng(0).integers(0, 30522, (1, 128)).astype(np.int32)
    with torch.no_grad():
        theirs = module(torch.from_numpy(ids).long())
    values = whole(graph, {"input": ids})
    _same(values[graph.outputs[0]], theirs.last_hidden_state.numpy())
    _same(values["pooled"], theirs.pooler_output.numpy())


def test_llama():
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    sizes = STORIES260K
    graph = prefill("stories", 1, 0, decoder=sizes, sequence=16)
    config = transformers.LlamaConfig(
        vocab_size=sizes.vocabulary,
        hidden_size=sizes.width,
        intermediate_size=sizes.hidden,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        num_key_value_heads=sizes.key_heads,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
    )
    module = _load(transformers.LlamaForCausalLM(config), graph)
    module.tie_weights()
    ids = np.random.default_rng(0).integers(0, sizes.vocabulary, (1, 16)).astype(np.int32)
    with torch.no_grad():
        theirs = module(torch.from_numpy(ids).long()).logits[:, -1].numpy()
    _same(whole(graph, {"input": ids})["logits"], theirs)
