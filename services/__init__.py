"""The services that run: each hears the tape, says events and answers requests."""
