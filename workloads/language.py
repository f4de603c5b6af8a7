"""Rows of the zoo: networks for language."""

from __future__ import annotations

from cosim_workloads.row import Row

_HF, _STORIES = "transformers", "karpathy/llama2.c"
_DECODERS = ("stories260k", "stories15m")
LANGUAGE: dict[str, Row] = {
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
