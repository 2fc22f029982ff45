"""Torture: real processes under load, killed, stopped and lied to, held against their own tape."""
