"""Benchmarks: an area of Tapedeck beside its peers, in interleaved rounds (`make bench`)."""
