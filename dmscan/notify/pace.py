"""When a chat may be sent the next message: at the pace that Telegram wants, and not in the user's quiet hours (design chapter 9)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, tzinfo

from dmscan.clock import Clock
from dmscan.core.alerts import QuietHours

A_SECOND, A_MINUTE, A_MINUTES_MESSAGES = 2, 61, 20
"""One more than the pace asks for: the times of messages are whole seconds, rounded down."""


def wait_s(attempts: Sequence[int], now: float) -> float:
    """Seconds until the next message may go to a chat: one a second and 20 a minute at the most.

    `attempts` are Unix seconds, the newest first. Those yet to come do not count: the clock was set back.
    """
    known = [at for at in attempts if at <= now]
    ready = [now, *(at + A_SECOND for at in known[:1]), *(at + A_MINUTE for at in known[A_MINUTES_MESSAGES - 1 : A_MINUTES_MESSAGES])]
    return max(ready) - now


def quiet_now(hours: QuietHours, clock: Clock, zone: tzinfo | None = None) -> bool:
    """Whether it is quiet now where the user is: in `zone`, by default that of this machine."""
    local = datetime.fromtimestamp(clock.now(), zone)
    return hours.holds(60 * local.hour + local.minute)
