"""SCALE-Sim: configurations (.cfg) and topologies (.csv), read and written.

Checked against SCALE-Sim 3.0.0, https://github.com/scalesim-project/scale-sim-v3.
"""
