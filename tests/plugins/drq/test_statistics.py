"""Masks with a given share: the share is that of regions, the order is as asked for, and the device takes it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cosim import load_hardware, simulate
from cosim.compress import compress
from cosim.errors import DescriptionError
from cosim_plugins.drq.formats import is_sensitive
from cosim_plugins.drq.statistics import given_share, sensitive_cells
from tests.plugins.drq.networks import layer


@settings(max_examples=50, deadline=None)
@given(
    share=st.floats(0, 1), cluster=st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 9)),
    shape=st.tuples(st.just(1), st.integers(1, 5), st.integers(1, 7), st.integers(1, 7)),
)  # fmt: skip
def test_the_share_is_exact(share, cluster, shape):
    mask = sensitive_cells(shape, share, cluster, np.random.default_rng(0))
    assert mask.sum() == round(share * mask.size)


def test_regions_of_a_cluster_go_together():
    mask = sensitive_cells((1, 4, 8, 8), 0.25, (4, 4, 4), np.random.default_rng(0))
    assert sorted(mask[0, :, y, x].sum() for y in (0, 4) for x in (0, 4)) == [0, 0, 0, 4]
    assert mask[0, :, :4, :4].all() or mask[0, :, :4, 4:].all() or mask[0, :, 4:, :4].all() or mask[0, :, 4:, 4:].all()


@pytest.mark.parametrize(("share", "cluster"), [(1.5, (1, 1, 1)), (-0.1, (1, 1, 1)), (0.1, (0, 1, 1))])
def test_what_is_no_share(share, cluster):
    with pytest.raises(DescriptionError, match="given_share"):
        given_share(share, cluster=cluster)


def test_codes_are_those_of_whole_regions():
    small = compress(layer(size=(9, 11)), "drq:region=2x4", calibrate=False)
    tensor = small.tensors["x"]
    codes = given_share(0.3).codes("x", tensor.encoding, tensor.shape)
    mask = is_sensitive(codes)
    for y in range(0, 9, 2):
        for x in range(0, 11, 4):
            assert np.ptp(mask[:, :, y : y + 2, x : x + 4].astype(int), axis=(2, 3)).max() == 0
    assert codes.dtype == np.uint16
    assert given_share(0.3).codes("x", tensor.encoding, tensor.shape).tobytes() == codes.tobytes()


def test_time_follows_the_share_without_any_execution():
    graph = layer(channels=16, filters=56, padding=0, size=(20, 20))
    times, shares = [], []
    for share in (0.0, 0.1, 0.5, 1.0):
        found = simulate(graph, load_hardware("npu/drq"), compress="drq:region=2x4", given=given_share(share))
        assert found.values is None
        assert found.graph.values == "synthetic"
        times.append(found.times.makespan_fs)
        total = found.program.services.actions[found.program.service].sum(axis=0)
        wide, narrow = (int(total[found.program.actions.index(f"array.mac_drq{bits}")]) for bits in (8, 4))
        shares.append(wide / (wide + narrow))
    assert times == sorted(times)
    assert shares == pytest.approx([0, 0.1, 0.5, 1], abs=0.02)
