"""Tests of the stream of trades."""
