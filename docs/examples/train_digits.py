"""Trains `digits_cnn` on scikit-learn's digits and writes `digits_cnn.safetensors` beside this file; needs the extra torch.

python docs/examples/train_digits.py
"""

from pathlib import Path

from cosim_workloads.data import digits
from safetensors.numpy import save_file

import cosim
from cosim_plugins.training import accuracy, trained

WEIGHTS = Path(__file__).with_name("digits_cnn.safetensors")


def main() -> None:
    """Thirty epochs of Adam, seed 0: the same weights every time on the same machine."""
    graph = trained(cosim.load_graph("digits_cnn"), digits("train"), epochs=30, seed=0)
    save_file({name: constant.array() for name, constant in graph.constants.items()}, WEIGHTS)
    print(f"accuracy on 360 held-out digits: {100 * accuracy(graph, digits('test')):.1f} %")


if __name__ == "__main__":
    main()
