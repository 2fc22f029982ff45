"""The child process that alone loads yfinance, pandas and exchange_calendars, and its parent's end.

They cost two seconds and 130 MB, cannot be interrupted, and keep poisoned caches: in a process of
their own they are started when needed, killed at a deadline, and ended when idle.
"""
