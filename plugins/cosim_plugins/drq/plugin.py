"""Registers DRQ, region-based dynamic quantisation and its variable-speed array (Song et al., ISCA 2020)."""
