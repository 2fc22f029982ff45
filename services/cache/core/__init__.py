"""The pure part of the cache.

Which rows a fact makes, and what a ticker's known events amount to.
"""
