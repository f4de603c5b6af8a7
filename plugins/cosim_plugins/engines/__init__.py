"""Engine kinds that come with cosim, written against the same protocol as anybody's."""
