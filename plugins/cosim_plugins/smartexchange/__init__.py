"""SmartExchange, weights traded for computation (Zhao et al., ISCA 2020, arXiv:2005.03403), as a plugin.

Where to read first, if you want to copy it for a paper of your own:

=================  ============================================================================================
``plugin``         what is registered, by hook; nothing heavy is imported there
``slices``         which shapes are decomposed, and how a tensor becomes slices
``alternate``      the algorithm on one slice; ``least_squares`` is its solver, both compiled
``decompose``      whole tensors, 4-bit coefficients and 8-bit bases, rebuilding
``storage``        what a slice takes in memory; ``constant`` holds a decomposed weight
``compression``    the graph before and after; ``options`` reads its options, ``formats`` is its number format
``array``          the engine kind; ``work`` counts cycles and actions, ``rows`` and ``booth`` look at activations
``synapse_array``  an engine kind to compare with, ``pruning`` a compression for it
``statistics``     activations with stated statistics, where there are no values
``reproduction``   the paper beside cosim's figures; ``reproduce_*`` compute them, ``draw`` draws, ``notes`` explain
=================  ============================================================================================
"""
