"""First-party plugins: they register through the same hooks as a stranger's, and nothing else registers anything."""
