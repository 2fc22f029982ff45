"""How a decision is made: votes, composite, levels, size, probability, and the sentence of why."""
