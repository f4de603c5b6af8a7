"""ZigZag: accelerators and mappings (.yaml), read and written.

Checked against zigzag-dse 3.9.1, https://github.com/KULeuven-MICAS/zigzag.
"""
