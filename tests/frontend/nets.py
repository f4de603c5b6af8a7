"""PyTorch modules of the kinds that people bring."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody writes it
from torch import nn


class Function(nn.Module):
    """A function as a module."""

    def __init__(self, work):
        super().__init__()
        self.work = work

    def forward(self, *x):
        return self.work(*x)


class Residual(nn.Module):
    """The blocks of ResNet, MobileNetV3 (squeeze and excite) and ConvNeXt after one another."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True))
        self.conv1, self.bn1 = nn.Conv2d(8, 8, 3, 1, 1, bias=False), nn.BatchNorm2d(8)
        self.expand = nn.Sequential(nn.Conv2d(8, 24, 1), nn.BatchNorm2d(24), nn.Hardswish())
        self.depthwise = nn.Sequential(nn.Conv2d(24, 24, 5, 2, 2, groups=24), nn.ReLU6())
        self.squeeze, self.excite = nn.Conv2d(24, 6, 1), nn.Conv2d(6, 24, 1)
        self.norm, self.up, self.down = nn.LayerNorm(24), nn.Linear(24, 48), nn.Linear(48, 24)
        self.gamma = nn.Parameter(torch.full((24,), 0.1))
        self.head = nn.Linear(24, 5)
        for part in self.modules():
            if isinstance(part, nn.BatchNorm2d):
                nn.init.normal_(part.running_mean)
                nn.init.uniform_(part.running_var, 0.5, 1.5)

    def forward(self, x):
        x = self.stem(x)
        x = F.relu(x + self.bn1(self.conv1(x)))
        x = self.depthwise(self.expand(x))
        scale = F.hardsigmoid(self.excite(F.relu(self.squeeze(F.adaptive_avg_pool2d(x, 1)))))
        x = x * scale
        y = self.down(F.gelu(self.up(self.norm(x.permute(0, 2, 3, 1))))) * self.gamma
        x = x + y.permute(0, 3, 1, 2)
        return self.head(torch.flatten(x.mean((2, 3)), 1))


class UNet(nn.Module):
    """Down, up by transposed convolution and by interpolation, concatenation."""

    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Conv2d(1, 4, 3, padding=1), nn.Conv2d(4, 8, 3, padding=1)
        self.up, self.c = nn.ConvTranspose2d(8, 4, 2, 2), nn.Conv2d(8, 4, 3, padding=1)
        self.d = nn.Conv2d(4, 2, 1)

    def forward(self, x):
        a = F.silu(self.a(x))
        b = F.leaky_relu(self.b(F.max_pool2d(a, 2)), 0.1)
        c = F.elu(self.c(torch.cat([self.up(b), a], 1)))
        return self.d(F.interpolate(c, scale_factor=2, mode="bilinear")), F.interpolate(b, size=(10, 12))


class Bert(nn.Module):
    """Embeddings, an encoder of PyTorch's own layers, a head on the first token."""

    def __init__(self):
        super().__init__()
        self.token, self.place = nn.Embedding(50, 16), nn.Embedding(12, 16)
        layer = nn.TransformerEncoderLayer(16, 4, 32, activation="gelu", batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(16, 3)

    def forward(self, ids):
        x = self.token(ids) + self.place(torch.arange(ids.shape[1]))
        return torch.tanh(self.head(self.encoder(x)[:, 0]))


class ViT(nn.Module):
    """Patches, class token, one block with fused qkv."""

    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 16, 4, 4)
        self.token, self.place = nn.Parameter(torch.randn(1, 1, 16)), nn.Parameter(torch.randn(1, 17, 16))
        self.norm, self.qkv, self.project = nn.LayerNorm(16), nn.Linear(16, 48), nn.Linear(16, 16)
        self.mlp = nn.Sequential(nn.LayerNorm(16), nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))

    def forward(self, x):
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.token.expand(x.shape[0], -1, -1), x], 1) + self.place
        n, length, width = x.shape
        q, k, v = self.qkv(self.norm(x)).reshape(n, length, 3, 2, 8).permute(2, 0, 3, 1, 4).unbind(0)
        y = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(n, length, width)
        x = x + self.project(y)
        return (x + self.mlp(x))[:, 0]


class Gpt(nn.Module):
    """Causal attention by masked_fill, RMS norm spelt out, gated MLP."""

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(50, 16)
        self.weight = nn.Parameter(torch.rand(16) + 0.5)
        self.q, self.k, self.v = (nn.Linear(16, 16, bias=False) for _ in range(3))
        self.gate, self.up, self.down = (nn.Linear(*s, bias=False) for s in ((16, 24), (16, 24), (24, 16)))
        self.register_buffer("mask", torch.ones(6, 6).triu(1).bool())

    def rms(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6) * self.weight

    def forward(self, ids):
        x = self.embed(ids)
        h = self.rms(x)
        q, k, v = (part(h).view(*h.shape[:2], 2, 8).transpose(1, 2) for part in (self.q, self.k, self.v))
        scores = (q @ k.transpose(-1, -2) / 8**0.5).masked_fill(self.mask, float("-inf"))
        y = (scores.softmax(-1) @ v).transpose(1, 2).flatten(2)
        x = x + y
        h = self.rms(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Recurrent(nn.Module):
    """A recurrent layer over a sequence, its last output classified."""

    def __init__(self, kind, **options):
        super().__init__()
        self.layer = kind(4, 6, batch_first=True, **options)
        self.head = nn.Linear(12 if options.get("bidirectional") else 6, 3)

    def forward(self, x):
        return self.head(self.layer(x)[0][:, -1])


class Keyword(nn.Module):
    """One-dimensional convolutions, as on audio."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(6, 8, 5, 2, 2),
            nn.BatchNorm1d(8),
            nn.ReLU(),
            nn.MaxPool1d(2),
            nn.Conv1d(8, 8, 3, padding=1, groups=8),
            nn.ConvTranspose1d(8, 4, 3, 2),
            nn.AvgPool1d(2),
            nn.AdaptiveAvgPool1d(1),
            nn.Flatten(),
            nn.Linear(4, 2),
        )

    def forward(self, x):
        return self.body(x)


def networks():
    """Name -> (module, shapes of inputs; None of an integer shape means token ids)."""
    return {
        "residual": (Residual, [(2, 3, 16, 16)]),
        "unet": (UNet, [(1, 1, 8, 12)]),
        "bert": (Bert, ["ids"]),
        "vit": (ViT, [(1, 3, 16, 16)]),
        "gpt": (Gpt, ["ids"]),
        "lstm": (lambda: Recurrent(nn.LSTM), [(1, 3, 4)]),
        "lstm2": (lambda: Recurrent(nn.LSTM, num_layers=2, bidirectional=True), [(2, 3, 4)]),
        "gru": (lambda: Recurrent(nn.GRU), [(2, 3, 4)]),
        "lstmcell": (lambda: nn.LSTMCell(4, 6), [(2, 4)]),
        "keyword": (Keyword, [(2, 6, 20)]),
        "attention": (lambda: nn.MultiheadAttention(20, 2, batch_first=True), [(2, 6, 20)] * 3),
    }


X = (2, 6, 8, 8)
FUNCTIONS = {
    "mish": F.mish,
    "selu": F.selu,
    "softplus": F.softplus,
    "logsigmoid": F.logsigmoid,
    "clamp": lambda x: x.clamp(-0.3, 0.4),
    "transcendental": lambda x: x.exp() + (x.abs() + 1).log() + (x * x + 1).sqrt() + (x * x + 1).rsqrt() + x.erf(),
    "reciprocal": lambda x: 1 / (x * x + 1) + (x.abs() + 1).reciprocal(),
    "powers": lambda x: (x.abs() + 1) ** 1.5 - (x**2) / 3 + (x.abs() + 1) ** 0.5,
    "arithmetic": lambda x: torch.sub(3 - x, x, alpha=2) * 2 + x / 4 - 1,
    "extremes": lambda x: torch.maximum(x, x * 2) + torch.minimum(x, x - 1),
    "max_pool_ceil": lambda x: F.max_pool2d(x, 3, 2, 1, ceil_mode=True),
    "avg_pool_exclusive": lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False),
    "adaptive": lambda x: F.adaptive_avg_pool2d(x, 4),
    "adaptive_max": lambda x: F.adaptive_max_pool2d(x, 1),
    "bilinear": lambda x: F.interpolate(x, size=(16, 12), mode="bilinear"),
    "bilinear_corners": lambda x: F.interpolate(x, size=(16, 12), mode="bilinear", align_corners=True),
    "reductions": lambda x: x.mean((2, 3)) + x.sum(-1).sum(-1) + x.amax((2, 3)) + x.amin((2, 3)),
    "softmaxes": lambda x: x.softmax(1) + x.log_softmax(-1),
    "chunks": lambda x: torch.cat([c * i for i, c in enumerate(x.chunk(3, 1), 1)], 1),
    "shuffle": lambda x: x.view(2, 2, 3, 8, 8).transpose(1, 2).reshape(2, 6, 8, 8),
    "selects": lambda x: x[:, 1] + x[:, 2, None].squeeze(1) + x[:, -1] + x.unbind(1)[0],
    "slices": lambda x: x[:, 1:5:2, 2:-1],
    "stack": lambda x: torch.stack([x[:, 0], x[:, 1]], -1),
    "pads": lambda x: F.pad(F.pad(x, (1, 2, 0, 1), value=1.5), (1, 2, 3, 1), mode="reflect"),
    "expand": lambda x: x[:, :1].expand(-1, 6, -1, -1) * x,
    "roll": lambda x: x.roll((2, -3), (2, 3)),
    "repeat": lambda x: x.repeat(1, 2, 1, 3),
    "interleave": lambda x: x.repeat_interleave(2, 1),
    "flip": lambda x: x.flip(2),
    "pixel_shuffle": lambda x: F.pixel_shuffle(x.repeat(1, 2, 1, 1), 2),
    "normalize": lambda x: F.normalize(x, dim=1),
    "group_norm": lambda x: F.group_norm(x, 3),
    "instance_norm": F.instance_norm,
    "variance": lambda x: x.var(-1) + x.std(1, keepdim=True).sum(-1),
    "causal": lambda x: F.scaled_dot_product_attention(x, x, x, is_causal=True),
    "masked": lambda x: x.masked_fill(torch.ones(8, 8).triu(1).bool(), -2.0),
    "where": lambda x: torch.where(torch.eye(8).bool(), x, x * 2),
    "einsum": lambda x: torch.einsum("bchw,bcvw->bchv", x, x),
    "positions": lambda x: x + torch.arange(8.0),
    "glu": lambda x: F.glu(x, 1),
    "flatten": lambda x: x.movedim(1, -1).flatten(1, 2).unflatten(1, (4, 16)),
    "hardtanh": F.hardtanh,
    "prelu": lambda x: F.prelu(x, torch.full((6,), 0.2)),
}
