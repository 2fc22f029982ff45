"""Indicators: one step per file, run alike on floats, numpy columns and polars expressions."""
