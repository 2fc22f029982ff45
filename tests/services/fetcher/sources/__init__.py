"""Tests of the collector's sources."""
