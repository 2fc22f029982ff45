"""The pure part of the collector: who is wanted, whom to ask, what to make of the answer."""
