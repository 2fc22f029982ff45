"""What each verb asks the deck, and how it makes its answer from the replies; pure."""
