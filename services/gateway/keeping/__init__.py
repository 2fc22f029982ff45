"""What keeps the tape from the command line, without the deck: verify, backup, restore, archive."""
