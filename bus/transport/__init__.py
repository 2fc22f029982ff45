"""The ways a frame travels: in memory, over ZeroMQ."""
