"""The pure part of the analyzer: what it knows, and how it answers."""
