"""Tests of the whole deck: real processes, real sockets, real signals."""
