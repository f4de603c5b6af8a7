"""`cosim validate`: predictions held against published measurements, with baselines beside them."""
