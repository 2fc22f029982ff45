"""Tests of the collector's core."""
