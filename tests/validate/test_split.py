"""A topology is on one side of a split; what is never fitted on never is; the hash decides, not the order."""

from cosim.plugin import Measured
from cosim.validate.split import NEVER_FITTED, SPLITS, splits


def rows(topologies):
    return [
        Measured("t", f"{name} {port}", name, "latency_ms", 1.0, "made up") for name in topologies for port in range(3)
    ]


MANY = [*(f"net{i}" for i in range(10)), "vgg19", "densenet"]


def test_variants_share_a_side_and_nothing_is_lost():
    given = rows(MANY)
    found = list(splits(given))
    assert len(found) == SPLITS
    for split in found:
        assert sorted((*split.fit, *split.test)) == list(range(len(given)))
        assert not {given[i].topology for i in split.fit} & {given[i].topology for i in split.test}


def test_some_families_are_never_fitted_on():
    given = rows(MANY)
    for split in splits(given):
        assert not {given[i].topology for i in split.fit} & NEVER_FITTED


def test_the_order_of_the_rows_decides_nothing():
    given = rows(MANY)
    turned = given[::-1]
    sides = [{given[i].network for i in split.fit} for split in splits(given)]
    assert sides == [{turned[i].network for i in split.fit} for split in splits(turned)]
    assert len({frozenset(side) for side in sides}) > SPLITS // 2


def test_of_few_topologies_each_is_left_out_once():
    given = rows(["a", "b", "c", "vgg19"])
    found = list(splits(given))
    assert [split.leaves_one_out for split in found] == [True] * 4
    held = [{given[i].topology for i in split.test} for split in found]
    assert held == [{"a", "vgg19"}, {"b", "vgg19"}, {"c", "vgg19"}, {"vgg19"}]
