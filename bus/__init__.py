"""How messages travel and are kept: the tape, the broker, turns and actors.

Knows no market word and no service.
"""
