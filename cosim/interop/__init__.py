"""Other tools' descriptions of networks and devices, read into cosim's words and written out of them.

One package per tool. A reader says what it left out, each key with the reason: nothing is dropped silently.
"""
