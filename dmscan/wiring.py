"""Builds the real collaborators from settings: the market client and the history."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from dmscan.clock import Clock
from dmscan.core.calls import Speed
from dmscan.market import speed
from dmscan.market.cache import CachedMarket
from dmscan.market.client import Market
from dmscan.market.exchange import Pool, certificates, open_client
from dmscan.market.pacing import Pacer
from dmscan.market.probe import Impatient, Listener, Probe
from dmscan.market.sharing import board_for, last_lanes
from dmscan.market.signing import Signer, load_keys, new_pair
from dmscan.market.transport import Transport
from dmscan.settings import Secret, Settings
from dmscan.settings import Telegram as Bot

if TYPE_CHECKING:
    from dmscan.notify.telegram import Telegram

PROBE_S = 4.5
"""So long a question of `dmscan doctor` waits for its answer, and once more: a request may get lost."""


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


def foresee(settings: Settings) -> None:
    """Begins what takes a while before the market can be asked, and what nobody has to wait for: over https its certificates."""
    if settings.api_url.startswith("https:"):
        certificates()


@asynccontextmanager
async def open_market(
    settings: Settings, rate: Fraction | None, clock: Clock, max_requests: int | None = None
) -> AsyncIterator[CachedMarket]:
    """The market at `rate` requests a second in all, or as fast as it allows; closed with a moment's grace for what is in flight.

    Processes of one user share the account's pace through a file in `settings.state`.
    """
    key = signer(settings)
    board = board_for(settings.state, settings.api_url, key.public if key else "ip", clock)
    pacer = Pacer(clock, rate, signed=key is not None, board=board)
    client = open_client(pool=Pool(settings.connections, settings.http2))
    market = CachedMarket(Market(Transport(client, settings.api_url, key, pacer, clock, max_requests)), clock)
    try:
        yield market
    finally:
        await market.close()


@asynccontextmanager
async def open_probe(settings: Settings, clock: Clock) -> AsyncIterator[Probe]:
    """The market for one question to each endpoint, paced and shared as for a scan; whoever does not answer is given up early."""
    key = signer(settings)
    board = board_for(settings.state, settings.api_url, key.public if key else "ip", clock)
    listener = Listener(clock, signed=key is not None, board=board)
    market = Probe(Impatient(open_client(), settings.api_url, key, listener, clock, attempt_s=PROBE_S), listener)
    try:
        yield market
    finally:
        await market.close()


def open_telegram(bot: Bot, clock: Clock) -> Telegram:
    """The sender, to be opened with `async with`."""
    from dmscan.notify.telegram import Telegram  # noqa: PLC0415 - few scans tell anybody

    return Telegram(bot.token.reveal(), bot.url, clock)


def expected_speed(settings: Settings, rate: Fraction | None, clock: Clock) -> tuple[Speed, Speed | None]:
    """How fast the market should let itself be asked, and how fast at the least if `rate` does not set it; nothing is sent."""
    if rate:
        return speed.set_speed(rate), None
    key = signer(settings)
    lanes = last_lanes(settings.state, settings.api_url, key.public if key else "ip", clock)
    return speed.expected_speed(lanes, clock.monotonic(), signed=key is not None), speed.STARTING if key else None


def peak_memory_mb() -> int:
    """The most memory this process has held, in MiB (a child's `ru_maxrss` would count its parent's on Linux)."""
    try:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(status.partition("VmHWM:")[2].split()[0]) // 1024
    except (OSError, IndexError, ValueError):
        return _peak_memory_elsewhere_mb()


def _peak_memory_elsewhere_mb() -> int:
    """Where there is no /proc; 0 if nothing can be opened any more."""
    try:
        import resource  # noqa: PLC0415
        import sys  # noqa: PLC0415
    except (ImportError, OSError):
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (2**20 if sys.platform == "darwin" else 1024)
