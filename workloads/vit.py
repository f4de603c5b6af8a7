"""Vision transformers (ViT, DeiT) with timm's parameter names.

Sources: Dosovitskiy et al., ICLR 2021, arXiv:2010.11929; Touvron et al., ICML 2021, arXiv:2012.12877.
"""

from __future__ import annotations

from cosim.graph import Builder, Graph, attention, merge_heads, split_heads

_DEPTH, _PATCH, _SIZE = 12, 16, 224


def vit(name: str, batch: int, seed: int, *, width: int, heads: int) -> Graph:
    """Twelve blocks of `width` over 16x16 patches of images (batch, 3, 224, 224)."""
    b = Builder(name, seed)
    patches = (_SIZE // _PATCH) ** 2
    x = b.input("input", (batch, 3, _SIZE, _SIZE))
    x = b.conv2d(x, width, _PATCH, _PATCH, gain=1.0, name="patch_embed.proj")
    x = b.transpose(b.reshape(x, (batch, width, patches)), (0, 2, 1))
    token = b.broadcast_to(b.weight("cls_token", (1, 1, width), deviation=0.02), (batch, 1, width))
    x = b.add(b.concat((token, x)), b.weight("pos_embed", (1, patches + 1, width), deviation=0.02))
    for i in range(_DEPTH):
        x = _block(b, x, heads, f"blocks.{i}")
    x = b.layer_norm(x, epsilon=1e-6, name="norm")
    x = b.reshape(b.slice(x, 1, 0, 1), (batch, width))
    b.output(b.linear(x, 1000, gain=1.0, name="head"))
    return b.build()


def _block(b: Builder, x: str, heads: int, name: str) -> str:
    width = b.shape(x)[-1]
    y = b.layer_norm(x, epsilon=1e-6, name=f"{name}.norm1")
    qkv = b.split(b.linear(y, 3 * width, gain=1.0, name=f"{name}.attn.qkv"), (width,) * 3, axis=2)
    q, k, v = (split_heads(b, part, heads) for part in qkv)
    y = merge_heads(b, attention(b, q, k, v, name=f"{name}.attn"))
    x = b.add(x, b.linear(y, width, gain=1.0, name=f"{name}.attn.proj"))
    y = b.layer_norm(x, epsilon=1e-6, name=f"{name}.norm2")
    y = b.gelu(b.linear(y, 4 * width, name=f"{name}.mlp.fc1"))
    return b.add(x, b.linear(y, width, gain=1.0, name=f"{name}.mlp.fc2"))
