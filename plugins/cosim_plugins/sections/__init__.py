"""Sections of reports that cosim brings itself."""
