"""Training small networks on real data, with quantisation or a projection in the loop; needs the extra torch.

>>> from cosim_plugins.training import digits_lstm, interval
>>> [digits_lstm().tensors[name].shape for name in digits_lstm().outputs]
[(1, 10)]
>>> [round(end, 3) for end in interval(0.95, 360)]
[0.922, 0.968]
"""

from cosim_plugins.training.score import accuracy, interval
from cosim_plugins.training.sequence import digit_rows, digits_lstm
from cosim_plugins.training.straight_through import Fake, fake
from cosim_plugins.training.train import Project, trained

__all__ = ["Fake", "Project", "accuracy", "digit_rows", "digits_lstm", "fake", "interval", "trained"]
