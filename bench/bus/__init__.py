"""The bus beside nats-py, Redis Streams, eventsourcing, raw pyzmq and raw SQLite."""
