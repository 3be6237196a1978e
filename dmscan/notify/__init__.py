"""Everything that tells somebody who does not sit at the terminal, and nothing else does."""
