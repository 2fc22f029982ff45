"""The tests' own imitations of what the product meets outside."""
