"""Keeps the tape without the deck: verify, back up, restore, archive, quarantine."""
