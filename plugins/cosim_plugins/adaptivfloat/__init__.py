"""AdaptivFloat and its HFINT processing element (Tambe et al., DAC 2020), as a plugin."""
