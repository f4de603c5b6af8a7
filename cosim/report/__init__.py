"""Views of a `Result`: tables for a terminal, JSON, figures."""
