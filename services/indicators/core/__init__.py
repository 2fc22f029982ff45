"""The pure part of the indicators: how a series is followed."""
