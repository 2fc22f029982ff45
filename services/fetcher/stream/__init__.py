"""The stream of trades: one connection in a worker, conflated to a quote a second and ticker."""
