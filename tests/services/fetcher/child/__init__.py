"""Tests of the collector's child."""
