"""SCALE-Sim topologies: rows to layers, layers to ops, and the cycles that the tool itself reports for them."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cosim import load_graph, load_hardware, load_registry
from cosim.errors import DescriptionError
from cosim.interop.scalesim.config import Config, config_text
from cosim.interop.scalesim.topology import Layer, read_topology, topology_text
from cosim.testing import FrontendContract

HEADER = "Layer name, IFMAP Height, IFMAP Width, Filter Height, Filter Width, Channels, Num Filter, Strides,\n"


class TestContract(FrontendContract):
    @pytest.fixture
    def frontend(self):
        return load_registry().get("frontends", "scalesim")

    @pytest.fixture
    def path(self, tmp_path):
        path = tmp_path / "net.csv"
        path.write_text(HEADER + "conv, 8, 8, 3, 3, 4, 16, 1,\n", "utf-8")
        return path


@pytest.fixture
def write(tmp_path):
    def written(text, name="net.csv"):
        path = tmp_path / name
        path.write_text(text, "utf-8")
        return path

    return written


def test_a_convolution_is_padded_already_and_stands_alone(write):
    graph = load_graph(write(HEADER + "Conv1, 229, 229, 7, 7, 3, 64, 2,\nFC, 1, 1, 1, 1, 512, 1000, 1,\n"))
    assert graph.tensors["Conv1.input"].shape == (1, 3, 229, 229)
    assert graph.tensors["Conv1"].shape == (1, 64, 112, 112)
    assert graph.inputs == ("Conv1.input", "FC.input")
    assert graph.outputs == ("Conv1", "FC")
    assert graph.macs == 112 * 112 * 49 * 3 * 64 + 512_000
    assert not any("bias" in name for name in graph.tensors)
    assert "no layer feeds another" in graph.provenance[0]


def test_a_window_that_begins_inside_counts(write):
    graph = load_graph(write(HEADER + "odd, 16, 17, 3, 3, 2, 4, 3,\n"))
    assert graph.tensors["odd"].shape == (1, 4, 6, 6)  # ceil((16 - 3 + 3) / 3), where cutting off gives 5


def test_a_row_called_dp_convolves_each_channel_on_its_own(write):
    graph = load_graph(write(HEADER + "DP1, 10, 10, 3, 3, 32, 2, 1,\n"))
    (op,) = graph.ops
    assert op["groups"] == 32
    assert graph.tensors["DP1"].shape == (1, 64, 8, 8)
    assert graph.macs == 32 * 2 * 9 * 64


@pytest.mark.parametrize("row", ["g, 33, 17, 65,", "g, 33, 17, 65", "g, 33, 17, 65, 1:1,"])
@pytest.mark.parametrize("header", ["Layer, M, N, K,\n", "Layer name, rows, columns, depth,\n"])
def test_a_row_of_m_n_k_is_a_matrix_product(write, row, header):
    graph = load_graph(write(header + row + "\n"))
    (op,) = graph.ops
    assert (op.kind.name, graph.tensors["g.input"].shape, graph.tensors["g"].shape) == ("linear", (33, 65), (33, 17))


def test_a_last_comma_makes_no_difference(write):
    with_comma = HEADER + "a, 8, 8, 3, 3, 4, 4, 1,\n"
    assert read_topology(write(with_comma)) == read_topology(write(with_comma.replace(",\n", "\n")))


def test_sparsity_is_left_out_and_said_so(write):
    graph = load_graph(write(HEADER + "a, 8, 8, 3, 3, 4, 4, 1, 2:4,\nb, 8, 8, 3, 3, 4, 4, 1, 1:1,\n"))
    assert [line for line in graph.provenance if "sparsity" in line] == [
        "ignored sparsity 2:4: the array is simulated dense"
    ]


def test_a_second_stride_is_read_where_the_header_names_it(write):
    header = HEADER.replace("Strides,", "Stride height, Stride width,")
    graph = load_graph(write(header + "a, 9, 9, 3, 3, 4, 4, 2, 1,\n"))
    assert graph.tensors["a"].shape == (1, 4, 4, 7)


def test_equal_names_are_told_apart(write):
    row = "Conv, 8, 8, 3, 3, 4, 4, 1,\n"
    assert [op.name for op in load_graph(write(HEADER + row * 3)).ops] == ["Conv", "Conv.2", "Conv.3"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"net\.csv: the topology has no rows"),
        (HEADER, r"a header and no layers"),
        (HEADER + "a, 8, 8, 3, 3, 4,\n", r"line 2: the row has 6 cells[\s\S]*8 cells"),
        (HEADER + "\na, 8, 8, 3, 3, 4, four, 1,\n", r"line 3: filters is 'four'"),
        (HEADER + "a, 8, 8, 3, 3, 4, 0, 1,\n", r"line 2: filters is '0'[\s\S]*integer >= 1"),
        (HEADER + "a, 2, 8, 3, 3, 4, 4, 1,\n", r"the filter is 3 x 3, the input 2 x 8[\s\S]*add the padding"),
        (HEADER + "a, 8, 8, 3, 3, 4, 4, 1, 9, 9,\n", r"the row has 10 cells"),
        ("Layer, M, K, N,\ng, 1, 2, 3,\n", r"line 1: the header says M, K, N[\s\S]*by position"),
        ("Layer, M, N, K,\ng, 1, 2,\n", r"line 2: the row has 3 cells"),
    ],
)
def test_a_wrong_row_is_named_with_its_line(write, text, message):
    with pytest.raises(DescriptionError, match=message):
        load_graph(write(text))


def test_bytes_that_are_no_text_are_the_user_s_error(tmp_path):
    (tmp_path / "net.csv").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(DescriptionError, match="not a readable table"):
        load_graph(tmp_path / "net.csv")


def test_shapes_are_those_of_the_rows(write):
    with pytest.raises(DescriptionError, match="every row of a topology has its shape"):
        load_graph(write(HEADER + "a, 8, 8, 3, 3, 4, 4, 1,\n"), shapes={"a.input": (1, 4, 9, 9)})


def points(root):
    with (root / "tests" / "golden" / "scalesim_points.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(line for line in file if not line.startswith("#")))


def test_cycles_of_every_recorded_run_of_the_tool_come_out_of_its_own_files(root, tmp_path):
    """Configuration and topology as the tool read them; `total - stall` as it reported it."""
    kind = load_registry()["engine_kinds"]["systolic_array"]
    hardware, graphs, checked = {}, {}, 0
    for point in points(root):
        array = (int(point["array_rows"]), int(point["array_cols"]), point["dataflow"])
        if array not in hardware:
            path = tmp_path / f"{'-'.join(map(str, array))}.cfg"
            path.write_text(config_text(Config("p", array[0], array[1], 64, 64, 64, array[2])), "utf-8")
            hardware[array] = load_hardware(path).engines["array"]
        if point["layer"] not in graphs:
            path = tmp_path / f"{point['layer']}.csv"
            path.write_text(_topology(point), "utf-8")
            graphs[point["layer"]] = load_graph(path)
        graph = graphs[point["layer"]]
        (op,) = graph.ops
        cycles = kind.cycles(hardware[array], op, graph, graph.space(op).whole)
        assert int(cycles[0]) == int(point["total_cycles"]) - int(point["stall_cycles"]), point
        checked += 1
    assert checked == 280


def _topology(point):
    if point["kind"] == "gemm":
        return f"Layer, M, N, K,\n{point['layer']}, {point['gemm_m']}, {point['gemm_n']}, {point['gemm_k']},\n"
    names = ("layer", "ifmap_h", "ifmap_w", "filter_h", "filter_w", "channels", "num_filters", "stride")
    return HEADER + ", ".join(point[name] for name in names) + ",\n"


sizes = st.integers(1, 64)


@given(
    st.lists(
        st.builds(
            lambda taps, more, counts, stride: (taps, more, counts, stride),
            st.tuples(sizes, sizes),
            st.tuples(st.integers(0, 64), st.integers(0, 64)),
            st.tuples(sizes, sizes),
            st.integers(1, 4),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_what_is_written_is_read_again(tmp_path_factory, rows):
    layers = tuple(
        Layer(f"L{number}", taps[0] + more[0], taps[1] + more[1], *taps, *counts, stride, stride)
        for number, (taps, more, counts, stride) in enumerate(rows)
    )
    path = tmp_path_factory.mktemp("written") / "net.csv"
    path.write_text(topology_text(layers), "utf-8")
    assert read_topology(path)[0] == layers


def test_two_strides_cannot_be_written():
    with pytest.raises(DescriptionError, match="has two strides"):
        topology_text([Layer("a", 9, 9, 3, 3, 1, 1, 2, 1)])
