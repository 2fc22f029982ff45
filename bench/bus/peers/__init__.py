"""What the peers do with the same events, each the fastest way that its documents show."""
