"""AdaptivFloat and its HFINT processing element (Tambe et al., DAC 2020), as a plugin.

Paper: doi:10.1109/DAC18072.2020.9218516. What it adds to cosim, each by one hook of `plugin`:

==============================  ==================================================================================
``cosim formats``               ``adaptivfloat8`` and other widths, ``..._script``, ``..._flexasr``: `book` says which
                                numbers there are, `rounding` and `rounding_kernel` find them fast, `format` finds
                                exponent biases, `hfint` defines the dot product and `products` computes it in a network
``cosim compressions``          ``adaptivfloat:bits=4:granularity=vector`` (`compression`, `coded`)
``cosim engines``               ``hfint_pe``, ``int_pe`` (`pe`)
``cosim hw``                    ``npu/hfint-4pe``, ``npu/int-4pe``, priced by ``adaptivfloat-16nm`` (folder ``hardware``)
``cosim workloads``             ``lstm_256`` (`lstm`)
``cosim reproduce``             ``adaptivfloat`` (`reproduction`: `figure7`, `table4`, and `accuracy`, `contenders`,
                                `comparison` for tables 2 and 3; printed figures in ``published.csv`` by `published`)
==============================  ==================================================================================

>>> from cosim import load_registry
>>> load_registry().get("formats", "adaptivfloat4_2").levels.tolist()[:8]
[0, 3, 4, 6, 8, 12, 16, 24]

On the command line: ``cosim run lstm_256 --on npu/hfint-4pe --compress adaptivfloat8``.
"""
