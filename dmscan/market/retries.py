"""How many retries a run may afford, so that an outage is not answered with a storm (reliability.md R9)."""

from __future__ import annotations

ATTEMPTS = 3
"""At one request, the first among them."""
TOKENS = 100
COST = 5
COST_OF_A_TIMEOUT = 10
"""It has cost time as well."""


class RetryBudget:
    """Each retry costs tokens, each success earns one back; without tokens nothing is tried again."""

    def __init__(self) -> None:
        self.tokens = TOKENS

    def grant(self, *, timed_out: bool) -> bool:
        """Whether one more retry may be made, paid for at once."""
        cost = COST_OF_A_TIMEOUT if timed_out else COST
        if cost > self.tokens:
            return False
        self.tokens -= cost
        return True

    def succeeded(self) -> None:
        self.tokens = min(TOKENS, self.tokens + 1)
