from __future__ import annotations

from dataclasses import replace
from functools import cache
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim.cost import static
from cosim.explore import bound, read_space
from cosim.explore.bound import bounds, distinct
from cosim.explore.evaluate import Evaluator
from cosim.explore.floor import MAY_VANISH, working_ops
from cosim.explore.sample import sample

AXES = {
    "engines.mac.unroll.K": [8, 16, 32],
    "engines.mac.unroll.C": [8, 16, 24],
    "engines.mac.setup": ["0 cycles", "100 cycles"],
    "engines.vector.lanes": [4, 16],
    "memories.sram.size": ["32 KiB", "96 KiB", "1 MiB"],
    "memories.sram.banks": [1, 16],
    "memories.accumulator.size": ["16 KiB", "64 KiB"],
    "memories.dram.bandwidth": ["0.4 GB/s", "12.8 GB/s"],
    "memories.dram.technology": ["lpddr4", "ddr4"],
    "clocks.core.frequency": ["400 MHz", "1 GHz"],
    "clocks.core.voltage": ["0.6 V", "0.8 V"],
    "clocks.host.frequency": ["100 MHz", "2 GHz"],
    "links.bus.bandwidth": ["2 B/cycle", "16 B/cycle"],
    "technology": ["cmos-16nm", "cmos-28nm"],
    "batch": [1, 2],
    "compress": ["int8", "none"],
    "mapper.objective": ["balanced", "memory"],
    "background": [{"sram": "3 mW"}, {"bus": "20 mW"}],
}
EVALUATOR = Evaluator()


def space(**changes):
    return read_space({"name": "t", "network": "ds_cnn", "hardware": "npu/edge-256", "axes": AXES, **changes})


def truth(found, row):
    return EVALUATOR.evaluate(found.setup(row.tolist()))


@pytest.mark.parametrize("seed", range(6))
def test_bounds_never_exceed_the_truth_and_area_is_exact(seed):
    found = space()
    codes = sample(found, "random", 1, seed)
    lows, answer = bounds(found, codes), truth(found, codes[0])
    assert answer["state"] == "done", answer["error"]
    for column in ("latency_ms", "energy_uj", "moved_bytes"):
        assert 0 < lows[column][0] <= answer["metrics"][column], column
    assert lows["area_um2"][0] == answer["metrics"]["area_um2"]


def test_bounds_are_near_where_everything_fits():
    found = space(axes={"batch": [1]})
    lows, answer = bounds(found, sample(found)), truth(found, sample(found)[0])
    assert lows["latency_ms"][0] > 0.85 * answer["metrics"]["latency_ms"]
    assert lows["energy_uj"][0] > 0.85 * answer["metrics"]["energy_uj"]


def test_a_design_has_the_bounds_that_it_has_alone():
    found = space()
    codes = sample(found, "random", 30, seed=4)
    together = bounds(found, codes)
    for place in range(0, 30, 6):
        alone = bounds(found, codes[place : place + 1])
        for column, lows in together.items():
            assert lows[place] == pytest.approx(alone[column][0], rel=1e-12), column


def test_other_networks_and_hardware_keep_their_bounds():
    found = read_space(
        {
            "axes": {
                "network": ["ds_cnn", "autoencoder"],
                "hardware": ["npu/edge-256", "npu/systolic-32x32"],
                "compress": ["int8"],
            }
        }
    )
    codes = sample(found)
    lows = bounds(found, codes)
    for place, row in enumerate(codes):
        answer = truth(found, row)
        assert answer["state"] == "done", answer["error"]
        assert 0 < lows["latency_ms"][place] <= answer["metrics"]["latency_ms"]
        assert 0 < lows["energy_uj"][place] <= answer["metrics"]["energy_uj"]
        assert lows["area_um2"][place] == answer["metrics"]["area_um2"]


def test_nothing_is_known_of_what_is_refused():
    axes = {"engines.mac.unroll.K": [2, 16], "engines.mac.unroll.C": [4, 32]}
    lows = bounds(space(axes=axes), sample(space(axes=axes)))
    assert [low > 0 for low in lows["area_um2"]] == [False, True, True, True]
    assert lows["latency_ms"][0] < 0.1 * lows["latency_ms"][1]  # main memory alone


def test_another_mapper_is_bounded_by_its_area_alone(monkeypatch):
    monkeypatch.setattr(bound, "MAPPER", "other")
    lows = bounds(space(), sample(space(), "random", 5))
    assert (lows["area_um2"] > 0).all()
    assert (lows["latency_ms"] == 0).all()


def test_standing_power_is_what_the_cost_reader_integrates():
    import cosim
    from cosim.library import load_technology
    from cosim.plugin.registry import load_registry
    from cosim.simulation import simulate

    hardware = cosim.load_hardware("npu/edge-256", overrides={"background": "{bus: 2 mW, sram: 1 mW}"})
    kinds, technology = load_registry()["engine_kinds"], load_technology(hardware.technology)
    run = simulate(cosim.load_graph("ds_cnn"), hardware)
    for component, power in static.standing_mw(hardware, technology, kinds).items():
        rows = [row for row in run.energy.static if row.component == component and row.verb == "power"] or [
            row for row in run.energy.static if row.component == component and row.state in ("leakage", "background")
        ]
        assert sum(row.energy_pj.value for row in rows) == pytest.approx(power * run.times.makespan_fs / 1e6, rel=1e-12)


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), min_size=1))
def test_distinct_rows_are_found_again(rows):
    codes = np.array(rows, np.int32)
    kept, of = distinct(codes)
    assert np.array_equal(kept[of], codes)
    assert len(np.unique(kept, axis=0)) == len(kept)


def test_concats_and_slices_are_not_counted_on():
    import cosim

    graph = cosim.load_graph("squeezenet1_1")
    assert any(op.kind.name == "concat" for op in graph.ops)
    assert not [op for op in working_ops(graph) if op.kind.name in MAY_VANISH]


UNROLLINGS = st.fixed_dictionaries({"K": st.integers(1, 24), "C": st.integers(1, 24), "OX": st.integers(1, 6)})


@given(UNROLLINGS, UNROLLINGS, st.randoms(use_true_random=False))
def test_fewest_cycles_are_never_above_tiles_that_mix_unrollings(one, other, draw):
    import cosim
    from cosim.plugin.registry import load_registry

    graph = compressed()
    kind = load_registry()["engine_kinds"]["mac_array"]
    mac = cosim.load_hardware("npu/edge-256").engines["mac"]
    engine = replace(mac, parameters={"unroll": one, "unroll_depthwise": other})
    op = draw.choice([op for op in graph.ops if kind.refuses(mac, op, graph) is None])
    whole = graph.space(op).whole[0]
    cuts = [
        sorted({low, high, *(draw.randrange(low, high) for _ in range(draw.randrange(3)))})
        for low, high in whole.tolist()
    ]
    tiles = np.array(list(product(*(list(pairwise(places)) for places in cuts))), np.int64)
    taken = int(kind.cycles(engine, op, graph, tiles).sum())
    assert kind.bound(engine, op, graph) <= kind.fewest(engine, op, graph) <= taken


@cache
def compressed():
    import cosim
    from cosim.compress import compress
    from cosim.plugin.registry import load_registry

    steps = load_registry()["compressions"]
    return compress(cosim.load_graph("ds_cnn"), "int8", None, calibrate=False, compressions=steps)


def test_what_other_unrollings_cannot_help_with_is_counted():
    """32 x 16 copies on 24 channels: all of the last block, however a few pixels at a time could fill it."""
    import cosim
    from cosim.plugin.registry import load_registry

    graph = compressed()
    kind = load_registry()["engine_kinds"]["mac_array"]
    mac = cosim.load_hardware("npu/edge-256").engines["mac"]
    engine = replace(mac, parameters={"unroll": {"K": 48, "C": 16}, "unroll_depthwise": {"G": 16, "OX": 4}})
    op = next(op for op in graph.ops if (kind.refuses(mac, op, graph) is None and op.name.endswith("pw1")) or
              (kind.refuses(mac, op, graph) is None and graph.space(op).macs > kind.bound(engine, op, graph) * 700))  # fmt: skip
    assert kind.fewest(engine, op, graph) > kind.bound(engine, op, graph)


def _devices():
    from cosim.plugin.registry import load_registry

    return sorted(load_registry()["hardware"])


@pytest.mark.slow
@pytest.mark.parametrize("device", _devices())
def test_bounds_hold_on_every_device(device):
    found = read_space({"network": "ds_cnn", "hardware": device, "axes": {"compress": ["int8"]}})
    lows, answer = bounds(found, sample(found)), truth(found, sample(found)[0])
    if answer["state"] != "done":
        pytest.skip(answer["error"])
    for column in ("latency_ms", "energy_uj", "moved_bytes"):
        assert lows[column][0] <= answer["metrics"][column], column
    assert lows["area_um2"][0] == answer["metrics"]["area_um2"]
