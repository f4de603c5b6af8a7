"""The ONNX frontend keeps the contract."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import TensorProto, checker, helper, numpy_helper, save

from cosim.plugin import load_registry
from cosim.testing import FrontendContract


class TestOnnx(FrontendContract):
    @pytest.fixture
    def frontend(self):
        return load_registry().get("frontends", "onnx")

    @pytest.fixture
    def path(self, tmp_path):
        weights = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32)
        nodes = [
            helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["y"], ["z"]),
        ]
        graph = helper.make_graph(
            nodes,
            "small",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
            [helper.make_tensor_value_info("z", TensorProto.FLOAT, [1, 4, 8, 8])],
            [numpy_helper.from_array(weights, "w")],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
        checker.check_model(model)
        save(model, tmp_path / "small.onnx")
        return tmp_path / "small.onnx"
