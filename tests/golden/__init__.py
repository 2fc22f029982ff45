"""An old tape that every version replays: what it decides otherwise is listed, never overlooked."""
