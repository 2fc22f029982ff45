"""The cache: the read side, a snapshot of every ticker and the index that the tape does not have.

Hears every event of the deck. Says ``cache.cleared``. Answers ``Snapshot``, ``ReadBars``,
``ReadNews``, ``FindEvents`` and ``CacheStatus``, and takes ``ClearCache``: now, as of an instant,
or at least as far as a seq. Everything it keeps can be built again from the tape.
"""
