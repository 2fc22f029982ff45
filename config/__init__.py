"""What a person sets: settings, read once at the start, and the log."""
