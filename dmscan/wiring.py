"""Builds the real collaborators from settings: the market client and the history."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path

from dmscan.clock import Clock
from dmscan.market.client import Market
from dmscan.market.exchange import open_client
from dmscan.market.pacing import Pacer
from dmscan.market.signing import Signer, load_keys, new_pair
from dmscan.market.transport import Transport
from dmscan.settings import Secret, Settings


def signer(settings: Settings) -> Signer | None:
    """The key pair, if there is one and it may be sent to the market chosen. Raises SettingsError for a bad one."""
    if settings.keys is None:
        return None
    public, secret = settings.keys
    loaded = load_keys(public, secret.reveal())
    return loaded if settings.keys_may_be_sent else None


def throwaway_keys() -> tuple[str, Secret]:
    """A new key pair for a market that accepts any."""
    public, secret = new_pair()
    return public, Secret(secret)


@asynccontextmanager
async def open_market(settings: Settings, rate: Fraction, clock: Clock, max_requests: int | None = None) -> AsyncIterator[Market]:
    """The market at `rate` requests a second; closed with a moment's grace for what is in flight."""
    key = signer(settings)
    market = Market(Transport(open_client(), settings.api_url, key, Pacer(rate), clock, max_requests))
    try:
        yield market
    finally:
        await market.close()


def peak_memory_mb() -> int:
    """The most memory this process has held, in MiB (a child's `ru_maxrss` would count its parent's on Linux)."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) // 1024
    except (OSError, IndexError, ValueError):
        import resource  # noqa: PLC0415 - only where there is no /proc
        import sys  # noqa: PLC0415

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (2**20 if sys.platform == "darwin" else 1024)
