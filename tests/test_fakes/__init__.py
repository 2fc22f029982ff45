"""Tests of the tests' own imitations: a fake that lies would let the product lie too."""
