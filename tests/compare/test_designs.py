"""Designs on equal terms: as near to the target as their steps go, never above it, and honest where they cannot be."""

from __future__ import annotations

import pytest

import cosim
from cosim.compare.designs import TERMS, compare_designs
from cosim.compare.designs.scale import dimensions, steps
from cosim.compare.designs.screen import as_json, render
from cosim.compare.designs.terms import area_um2, array_of, peak_macs_per_s
from cosim.errors import DescriptionError, UnsupportedError

EDGE, SYSTOLIC, DPU = "npu/edge-256", "npu/systolic-32x32", "fpga/dpuczdx8g-b4096"


def amount(at, design, network="ds_cnn"):
    device = cosim.load_hardware(design.hardware, design.overrides)
    if at == "iso-area":
        return area_um2(device)
    if at == "iso-peak":
        return peak_macs_per_s(device)
    summary = cosim.run(network, device).summary
    return summary["energy_uj"] / summary["latency_ms"]


@pytest.mark.parametrize("at", TERMS)
def test_what_is_reached_is_the_nearest_step_within_the_target(at):
    found = compare_designs([EDGE, SYSTOLIC], "ds_cnn", at=at)
    first, second = found.designs
    assert first.overrides == {}
    assert first.reached == first.described == found.target
    assert second.reached == pytest.approx(amount(at, second))
    assert -0.15 < found.mismatch(second) <= 1e-9
    assert second.factor < 1
    summary = cosim.run("ds_cnn", SYSTOLIC, overrides=second.overrides).summary
    assert (second.latency_ms, second.energy_uj) == (summary["latency_ms"], summary["energy_uj"])
    sizes = steps(cosim.load_hardware(SYSTOLIC), SYSTOLIC)
    at_all = [step.overrides for step in sizes]
    larger = sizes[at_all.index(second.overrides) + 1]
    if at != "iso-power":  # power is not the same for all shapes of an array
        assert amount(at, type(second)(**{**vars(second), "overrides": larger.overrides})) > found.target


def test_a_target_may_be_given_with_its_unit():
    found = compare_designs([EDGE], "ds_cnn", at="iso-area", target="3 mm2")
    assert found.target == 3e6
    assert found.target_of == ""
    assert 2.7e6 < found.designs[0].reached <= 3e6
    assert compare_designs([EDGE], "ds_cnn", at="iso-peak", target=512e9).designs[0].reached == pytest.approx(512e9)
    assert TERMS["iso-power"].read("1.5 W") == 1500


@pytest.mark.parametrize(("name", "dims"), [(EDGE, {"unroll.K": 16, "unroll.C": 16}), (SYSTOLIC, {"rows": 32, "cols": 32}),
                                        (DPU, {"unroll.OX": 8, "unroll.C": 16, "unroll.K": 16})])  # fmt: skip
def test_the_dimensions_of_arrays_are_found(name, dims):
    assert dimensions(array_of(cosim.load_hardware(name))) == dims


@pytest.mark.parametrize("name", [EDGE, SYSTOLIC, DPU])
def test_steps_grow_keep_their_shape_and_can_be_loaded(name):
    device = cosim.load_hardware(name)
    base = dimensions(array_of(device))
    sizes = steps(device, name)
    assert [step.factor for step in sizes] == sorted(step.factor for step in sizes)
    assert any(step.factor == 1 and not step.overrides for step in sizes)
    assert sizes[0].factor < 0.2
    assert sizes[-1].factor > 100
    for step in sizes[:: max(1, len(sizes) // 12)]:
        made = cosim.load_hardware(name, step.overrides)
        now = dimensions(array_of(made))
        ratios = [now[key] / base[key] for key in base]
        assert max(ratios) / min(ratios) <= 2
        product = peak_macs_per_s(made) / peak_macs_per_s(device)
        assert product == pytest.approx(step.factor)
        for memory, before in device.memories.items():
            is_outside = memory == device.main_memory
            ratio = made.memories[memory].size_bytes / before.size_bytes
            assert ratio == 1 if is_outside else ratio == pytest.approx(step.factor, rel=0.05)


def test_memories_may_stay():
    found = compare_designs([SYSTOLIC], "ds_cnn", at="iso-peak", target=256e9, keep_memory=True)
    assert found.designs[0].overrides == {"engines.array.rows": "16", "engines.array.cols": "16"}


def test_named_keys_alone_are_scaled():
    keys = ["engines.array.rows", "memories.sram.size", "memories.dram.bandwidth"]
    found = compare_designs([SYSTOLIC], "ds_cnn", at="iso-peak", target=512e9, scale=keys)
    assert found.designs[0].overrides == {
        "engines.array.rows": "16", "memories.sram.size": f"{1 << 19} B", "memories.dram.bandwidth": "6.4 GB/s",
    }  # fmt: skip
    assert found.designs[0].factor == 0.5
    mixed = compare_designs([EDGE, SYSTOLIC], "ds_cnn", at="iso-peak", scale=["engines.array.rows"])
    assert mixed.designs[1].overrides == {"engines.array.rows": "8"}


def test_a_design_that_cannot_be_scaled_says_so():
    found = compare_designs([EDGE, "mcu/gap8"], "ds_cnn", at="iso-peak")
    assert "no integer setting" in found.designs[1].note
    assert found.designs[1].overrides == {}
    assert found.mismatch(found.designs[1]) < -0.9
    flat = compare_designs([EDGE], "ds_cnn", at="iso-peak", target=1e12, scale=["memories.sram.size"])
    assert "does not change its peak rate" in flat.designs[0].note
    small = compare_designs([EDGE], "ds_cnn", at="iso-peak", target=1e9)
    assert small.designs[0].note == "above the target: no smaller size can be"
    assert small.mismatch(small.designs[0]) > 1
    large = compare_designs([EDGE], "ds_cnn", at="iso-peak", target=1e18, keep_memory=True)
    assert "is the end of the range" in large.designs[0].note


@pytest.mark.parametrize(("name", "why"), [(DPU, "LUTs"), ("mcu/stm32h743", "flash")])
def test_devices_without_an_area_are_refused_with_the_reason(name, why):
    with pytest.raises(UnsupportedError, match=why) as caught:
        compare_designs([EDGE, name], "ds_cnn", at="iso-area")
    assert name in str(caught.value)
    assert "iso-peak" in caught.value.fix


def test_what_cannot_be_meant_is_refused():
    for wrong in (
        {"at": "iso-price"},
        {"target": "3 mW"},
        {"target": "-1 mm2"},
        {"scale": ["engines.mac.unroll.Q"]},
        {"scale": ["engines.mac.formats"]},
    ):
        with pytest.raises(DescriptionError):
            compare_designs([EDGE], "ds_cnn", **wrong)
    with pytest.raises(DescriptionError, match="no designs"):
        compare_designs([], "ds_cnn")


def test_what_is_said_holds_every_design():
    found = compare_designs([EDGE, DPU], "ds_cnn", at="iso-peak")
    facts = as_json(found)
    assert [row["hardware"] for row in facts["designs"]] == [EDGE, DPU]
    row = facts["designs"][1]
    assert row["area_um2"] is None
    assert row["edp_uj_ms"] == pytest.approx(row["energy_uj"] * row["latency_ms"])
    assert row["per_second_per_w"] == pytest.approx(1000 / row["latency_ms"] / (row["power_mw"] / 1000))
    first = facts["designs"][0]
    assert first["per_second_per_mm2"] == pytest.approx(1000 / first["latency_ms"] / (first["area_um2"] / 1e6))
    assert list(found.frame().hardware) == [EDGE, DPU]
    render(found)
