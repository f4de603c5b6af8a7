"""Mappings of ZigZag taken over: letters, strides, boundaries; and the benchmark without the peer."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys

import pytest

from cosim.compare.zigzag import Inside, Loop, energy, layer_from, nest_from
from cosim.errors import DescriptionError, UnsupportedError

CONV = {
    "name": "conv",
    "dims": {"B": 1, "K": 64, "G": 1, "OX": 10, "OY": 6, "C": 3, "FX": 5, "FY": 1},
    "input_dims": {"IX": 21, "IY": 6},
    "strides": {"IX": {"OX": 2, "FX": 1}, "IY": {"OY": 1, "FY": 3}},
    "precision_bits": {"W": 4, "I": 8, "O": 24, "O_final": 8},
}
GEMM = {
    "name": "gemm",
    "dims": {"C": 64, "D": 5, "K": 96},
    "input_dims": {},
    "strides": {},
    "precision_bits": {"W": 8, "I": 8, "O": 16},
}


def test_a_convolution_keeps_its_axes_apart():
    layer = layer_from(CONV)
    assert layer.sizes == (1, 64, 3, 6, 10, 1, 5)  # N K C OY OX FY FX
    assert layer.stride == (1, 2)
    assert layer.dilation == (3, 1)
    assert layer.input_size == (6, 21)
    assert (layer.weight_bits, layer.input_bits, layer.sum_bits, layer.output_bits) == (4, 8, 24, 8)


def test_the_rows_of_a_product_are_n_and_outputs_without_a_precision_are_sums():
    layer = layer_from(GEMM)
    assert layer.sizes == (5, 96, 64, 1, 1, 1, 1)
    assert layer.output_bits == layer.sum_bits == 16
    assert layer.macs == 5 * 96 * 64


@pytest.mark.parametrize("dims", [{"G": 2}, {"H": 4, "K": 8}, {"B": 2, "D": 3}])
def test_a_loop_that_the_ruler_does_not_know_is_named(dims):
    with pytest.raises(UnsupportedError, match=f"a loop over {'D' if 'D' in dims else next(iter(dims))} of size"):
        layer_from(CONV | {"dims": CONV["dims"] | dims})


def test_a_loop_of_one_trip_moves_no_boundary():
    """ZigZag writes one where nothing is left to repeat."""
    layer = layer_from(GEMM)
    loops = [["C", 2], ["D", 5], ["K", 3]]
    levels = {"W": [2, 3], "I": [3, 3], "O": [1, 3, 3]}
    plain = nest_from(layer, {"loops": loops, "allocated": levels})
    assert plain.loops == (Loop("C", 2), Loop("N", 5), Loop("K", 3))
    assert plain.inside == Inside(weight_register=2, input_sram=3, output_register=1, output_sram=3)
    longer = {operand: [bound + (bound > 0) for bound in bounds] for operand, bounds in levels.items()}
    with_one = nest_from(layer, {"loops": [loops[0], ["B", 1], *loops[1:]], "allocated": longer})
    assert with_one == plain
    assert energy(with_one) == energy(plain)


def test_a_mapping_of_another_kind_of_machine_is_refused():
    mapping = {"loops": [["C", 2], ["D", 5], ["K", 3]], "allocated": {"W": [1, 2, 3], "I": [3, 3], "O": [1, 3, 3]}}
    with pytest.raises(DescriptionError, match="memories per operand"):
        nest_from(layer_from(GEMM), mapping)


def test_the_benchmark_says_that_the_peer_is_missing(root, tmp_path):
    if importlib.util.find_spec("zigzag"):
        pytest.skip("this interpreter has the peer")
    script = root / "tests" / "bench" / "bench_zigzag.py"
    alone = tmp_path / "tests" / "bench" / script.name  # where no .peers lies beside it
    alone.parent.mkdir(parents=True)
    alone.write_text(script.read_text("utf-8"), "utf-8")
    environment = os.environ | {"PYTHONPATH": str(root)}
    command = [sys.executable, str(alone)]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "ZigZag is not installed" in done.stdout
    assert not (tmp_path / "results").exists()


def test_the_benchmark_refuses_an_interpreter_that_is_not_there(root):
    command = [sys.executable, str(root / "tests" / "bench" / "bench_zigzag.py"), "--peer-python", "nowhere/python"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "no such interpreter: nowhere/python" in done.stderr
