"""What LiteRT computes: ``python -m tests.frontend.record_litert`` where cosim and ai-edge-litert are installed.

Writes into litert/: ``outputs.npz``, "case/output number" -> array in the file's own order and type; and for two
networks the file itself and the digests of all its layers. Recorded with ai-edge-litert 2.3.0, its default delegate
(XNNPACK), one thread, on x86-64. A network's scales come from floating-point sums, so its file is kept, not made anew.
"""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

from tests.frontend.tflite_cases import CASES, case

FOLDER = Path(__file__).with_name("litert")
KEPT = ("ds_cnn", "resnet8")
SHAPES = {"ds_cnn": (1, 1, 49, 10), "resnet8": (1, 3, 32, 32)}


def codes(shape):
    """Seeded int8 codes."""
    return np.random.default_rng(5).integers(-128, 128, shape).astype(np.int8)


def digest(array) -> str:
    """Hash of codes in the Graph's order of axes."""
    array = np.ascontiguousarray(array)
    return hashlib.blake2b(f"{array.shape}{array.dtype}".encode() + array.tobytes(), digest_size=8).hexdigest()


def channels_first(array):
    return np.ascontiguousarray(array.transpose(0, 3, 1, 2)) if array.ndim == 4 else array


def by_litert(data, arrays):
    """Outputs of LiteRT in the file's order of axes."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=data, num_threads=1)
    interpreter.allocate_tensors()
    for detail, array in zip(interpreter.get_input_details(), arrays, strict=True):
        interpreter.set_tensor(detail["index"], array)
    interpreter.invoke()
    return [interpreter.get_tensor(detail["index"]) for detail in interpreter.get_output_details()]


def outputs(name):
    """What LiteRT makes of the case."""
    net, data = case(name)
    return by_litert(data, net.arrays())


def layers(data, array):
    """What LiteRT makes of each layer of a network whose input is `array` (N, C, H, W); in the Graph's order."""
    return [channels_first(output) for output in by_litert(data, [array.transpose(0, 2, 3, 1)])]


if __name__ == "__main__":
    made = {f"{name}/{number}": array for name in CASES for number, array in enumerate(outputs(name))}
    np.savez_compressed(FOLDER / "outputs.npz", **made)
    held = {name: (FOLDER / f"{name}.tflite").read_bytes() for name in KEPT}
    digests = {name: [digest(a) for a in layers(data, codes(SHAPES[name]))] for name, data in held.items()}
    (FOLDER / "layers.json").write_text(json.dumps(digests, indent=1) + "\n", "utf-8")
    sys.stdout.write(f"{len(made)} outputs of {len(CASES)} cases, layers of {', '.join(held)}\n")
