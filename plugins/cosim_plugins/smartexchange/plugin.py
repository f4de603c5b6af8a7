"""Registers SmartExchange, weights traded for computation (Zhao et al., ISCA 2020)."""
