"""Parts of a tensor: which element is of which, what they take in memory, and that one grid holds them all."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim.errors import DescriptionError
from cosim.execute.packing import Packing
from cosim.formats import Encoding, Layer, Regions, fit, mix, mixture, nested
from cosim.plugin.registry import load_registry

FORMATS = load_registry()["formats"]
SHAPE = (2, 6, 9, 10)


def box_of(rng: np.random.Generator, shape: tuple[int, ...] = SHAPE) -> tuple[tuple[int, int], ...]:
    ends = [sorted(rng.choice(extent + 1, 2, replace=False).tolist()) for extent in shape]
    return tuple((low, high) for low, high in ends)


def brute(shape: tuple[int, ...], layers: list[Layer]) -> np.ndarray:
    found = np.zeros(shape, np.uint8)
    for layer in layers:
        for index in np.ndindex(*shape):
            inside = all(low <= i < high for i, (low, high) in zip(index, layer.box, strict=True))
            if inside and (
                layer.mask is None or layer.mask[tuple(i // s for i, s in zip(index, layer.region, strict=True))]
            ):
                found[index] = layer.part
    return found


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_later_layers_win_and_boxes_count_their_elements(seed: int) -> None:
    rng = np.random.default_rng(seed)
    region = (1, 3, 4, 4)
    mask = rng.random(tuple(-(-n // s) for n, s in zip(SHAPE, region, strict=True))) < 0.5
    layers = [Layer(1, box_of(rng)), Layer(2, box_of(rng), mask, region), Layer(3, box_of(rng))]
    regions = Regions.painted(SHAPE, layers)
    members = regions.members(SHAPE)
    np.testing.assert_array_equal(members, brute(SHAPE, layers))
    boxes = np.array([box_of(rng) for _ in range(5)], np.int64)
    for part in range(4):
        counted = [int((members[tuple(slice(*b) for b in box)] == part).sum()) for box in boxes.tolist()]
        assert regions.counts(boxes, part).tolist() == counted
    for box in boxes:
        extents = tuple((box[:, 1] - box[:, 0]).tolist())
        np.testing.assert_array_equal(
            regions.cut(box).members(extents), members[tuple(slice(*b) for b in box.tolist())]
        )


def encodings(rng: np.random.Generator) -> list[Encoding]:
    """Plain, blocked and mixed ones of a tensor of `SHAPE`."""
    values = rng.standard_normal(SHAPE)
    both = nested([FORMATS["int8"], FORMATS["int3"]], values.min(), values.max(), symmetric=False, axis=None)
    blocked = [fit(FORMATS["mxfp4"], values, block=4), fit(FORMATS["int4"], values, block=5)]
    other = fit(FORMATS["fp6_e2m3"], values)
    return [
        fit(FORMATS["int5"], values),
        *blocked,
        fit(FORMATS["nvfp4"], values, block=4),
        mix([both["int8"], both["int3"]], Regions.painted(SHAPE, [Layer(1, box_of(rng))]), FORMATS),
        mix([other, blocked[0]], Regions.painted(SHAPE, [Layer(1, ((0, 2), (1, 4), (2, 9), (4, 8)))]), FORMATS),
        mix([both["int3"], both["int8"]], Regions.decided(SHAPE, (1, 6, 3, 5), 0.1), FORMATS),
    ]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_bytes_of_a_box_are_what_its_fields_take_and_never_more_than_foretold(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for encoding in encodings(rng):
        box = np.array(box_of(rng), np.int64)
        packing = Packing(encoding, box, FORMATS)
        assert packing.n_bytes <= encoding.most_bytes((box[:, 1] - box[:, 0])[None], SHAPE)[0]
        values = rng.standard_normal(SHAPE).astype(np.float32)
        form = FORMATS[encoding.held.format]
        codes = mixture.encoded(values, encoding, FORMATS) if encoding.is_mixed else form.encode(values, encoding)
        span = tuple(slice(0, int(high - low)) for low, high in box)
        part = codes[tuple(slice(*b) for b in box.tolist())]
        if not encoding.whole_blocks(box[None], SHAPE)[0]:
            continue
        guarded = np.full(packing.n_bytes + 64, 0xA5, np.uint8)
        cells = guarded[32:-32]
        packing.write(cells, span, box, part, "here")
        np.testing.assert_array_equal(packing.read(cells, span, box), part)
        assert (guarded[:32] == 0xA5).all()
        assert (guarded[-32:] == 0xA5).all()  # nothing beyond what the box is said to take


def test_parts_count_their_own_bits_and_blocks() -> None:
    values = np.random.default_rng(0).standard_normal((8, 64, 3, 3))
    whole = np.array([[[0, 8], [0, 64], [0, 3], [0, 3]]])
    parts = [fit(FORMATS["int8"], values, axis=0), fit(FORMATS["int4"], values, axis=0)]
    weights = mix(parts, Regions.painted(values.shape, [Layer(1, ((0, 2), (0, 64), (0, 3), (0, 3)))]), FORMATS)
    assert (weights.format, weights.bits, weights.formats) == ("int8+int4", 8, ("int8", "int4"))
    assert weights.box_bits(whole)[0] == 64 * 9 * (6 * 8 + 2 * 4)
    assert weights.stored_bits(values.shape) == 64 * 9 * (6 * 8 + 2 * 4) + 8 * 64  # a scale and a zero point each
    grouped = fit(FORMATS["mxfp4"], values, block=32, block_axis=1)
    assert grouped.box_bits(whole)[0] == values.size * 4 + 8 * 2 * 9 * 8
    half = np.array([[[0, 8], [16, 48], [0, 3], [0, 3]]])  # touches two blocks of 32
    assert grouped.box_bits(half)[0] == values.size // 2 * 4 + 8 * 2 * 9 * 8


def test_integers_share_one_grid_and_others_fp32() -> None:
    low, high = np.array(-1.0), np.array(3.0)
    both = nested([FORMATS["int8"], FORMATS["int4"]], low, high, symmetric=False, axis=None)
    assert both["int4"].scale == 16 * both["int8"].scale
    regions = Regions.painted((4, 4), [Layer(1, ((0, 2), (0, 4)))])
    mixed = mix([both["int8"], both["int4"]], regions, FORMATS)
    assert mixed.held.format == "int8"
    codes = mixture.encoded(np.linspace(-1, 3, 16).reshape(4, 4), mixed, FORMATS)
    assert len(np.unique(codes[:2] % 16)) == 1  # steps of 16 on the grid
    np.testing.assert_array_equal(mixture.narrowed(codes, mixed, FORMATS), codes)
    apart = [FORMATS["int8"].calibrate(low, high, symmetric=True, axis=None), both["int4"]]
    assert mix(apart, regions, FORMATS).held.format == "fp32"


def test_what_cannot_be_meant_is_refused() -> None:
    values = np.ones((4, 64))
    with pytest.raises(DescriptionError, match="cuts a block of 32"):
        mix(
            [fit(FORMATS["int8"], values), fit(FORMATS["mxfp4"], values)],
            Regions.painted((4, 64), [Layer(1, ((0, 4), (16, 64)))]),
            FORMATS,
        )
    with pytest.raises(DescriptionError, match="not in a tensor"):
        Regions.painted((4, 64), [Layer(1, ((0, 5), (0, 64)))])
    with pytest.raises(DescriptionError, match="values cannot decide"):
        mix(
            [fit(FORMATS["int8"], values), fit(FORMATS["fp8_e4m3"], values)],
            Regions.decided((4, 64), (4, 8), 0.0),
            FORMATS,
        )


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_what_a_format_has_rounded_it_encodes_to_the_same_numbers(name: str) -> None:
    """A part in fp32 is stored by encoding its values again."""
    form = FORMATS[name]
    values = np.random.default_rng(1).standard_normal((8, 64)).astype(np.float32)
    encoding = fit(form, values)
    once = form.decode(form.encode(values, encoding), encoding)
    again = form.decode(form.encode(once, encoding), encoding)
    np.testing.assert_array_equal(once, again)
