"""Where the cache keeps its rows."""
