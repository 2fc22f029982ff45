"""Tests of the benchmarks' harness: its arithmetic, its tables, and one short run."""
