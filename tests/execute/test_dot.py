"""Every instruction that sums may be compiled to gives the same exact sums."""

import os
import subprocess
import sys

import pytest
from numba.core.registry import cpu_target

BASE = "+avx,+avx2,+fma,+sse4.2,+bmi,+bmi2"
WIDE = f"{BASE},+avx512f,+avx512bw,+avx512dq,+avx512vl,+avx512cd"
VARIANTS = {
    "vpdpbusd, 512 bits": f"{WIDE},+avx512vnni",
    "vpdpbusd, 256 bits": f"{BASE},+avxvnni",
    "vpmaddwd, 512 bits": WIDE,
    "vpmaddwd, 256 bits": BASE,
    "pmaddwd": "",
    "no instruction of its own": None,
}
SCRIPT = """
import numpy as np
from numba.core.registry import cpu_target
from cosim.execute import block, dot, lanes
if {portable}:
    other = lambda context: dot.Dot("no instruction of its own", 4, 2, 1, dot._one_by_one(4))
    block.dot_of = lanes.dot_of = other
assert block.dot_of(cpu_target.target_context).name == {name!r}, block.dot_of(cpu_target.target_context).name
from cosim.execute.channelwise import Channelwise
from cosim.execute.packed import packed, codes_of, sums_of
from cosim.execute.rescale import Rescale

rng = np.random.default_rng(0)
places = np.arange(23) * 9
for low, high in ((0, 256), (255, 256), (0, 1)):
    x = np.concatenate([rng.integers(low, high, 23 * 9).astype(np.uint8), np.zeros(64, np.uint8)])
    for weight in (None, -128, 127):
        w = rng.integers(-128, 128, (40, 1, 9)).astype(np.int8) if weight is None else np.full((40, 1, 9), weight, np.int8)
        laid = packed(w, np.zeros(1, np.intp), 1, 9)
        windows = x[:23 * 9].reshape(23, 9).astype(np.int64)
        exact = windows @ w[:, 0].T.astype(np.int64)
        none = np.zeros(64, np.int32)
        assert np.array_equal(sums_of(x, 1, 0, places, laid, none), exact)
        scale = laid.spread(np.full(40, 0.01, np.float32))
        made = codes_of(x, 1, 0, places, laid, Rescale(none, scale, (0.0, -120.0, 100.0, 125.0)))[0]
        rounded = np.rint(exact.astype(np.float32) * np.float32(0.01)).clip(-120, 100) + 125
        assert np.array_equal(made, rounded), (made, rounded)
        deep = np.ascontiguousarray(w[:9, 0, :5])
        each = Channelwise.of(deep, np.arange(5) * 9)
        windows = np.stack([x[p : p + 45].reshape(5, 9) for p in places[:-4]]).astype(np.int64)
        exact = np.einsum("ptc,ct->pc", windows, deep.astype(np.int64))
        assert np.array_equal(each.sums(x, places[:-4], each.spread(np.zeros(9, np.int32))), exact)
"""


@pytest.mark.parametrize("name", VARIANTS)
def test_sums_are_exact(name, tmp_path):
    features = VARIANTS[name]
    triple, _, has = cpu_target.target_context.codegen().magic_tuple()
    if features is not None and not triple.startswith("x86_64"):
        pytest.skip("an instruction of x86")
    if features and not set(filter(None, features.split(","))) <= set(has.split(",")):
        pytest.skip("not an instruction of this processor")
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    if features is not None:
        environment |= {"NUMBA_CPU_NAME": "x86-64" if features else "generic", "NUMBA_CPU_FEATURES": features}
    script = SCRIPT.format(name=name, portable=features is None)
    subprocess.run([sys.executable, "-c", script], check=True, env=environment)
