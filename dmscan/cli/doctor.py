"""`dmscan doctor`: is everything as it should be?"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Coroutine, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from dmscan.cli import flags
from dmscan.cli.help import DOCTOR
from dmscan.cli.options import choice
from dmscan.cli.output import write_stdout
from dmscan.errors import SettingsError, most_specific

if TYPE_CHECKING:
    from dmscan.doctor import Check
    from dmscan.settings import Settings

FORMATS = ("table", "json")


def doctor(
    format_: Annotated[str, flags.shown("--format", "-f", among=FORMATS, words=DOCTOR)] = "table",
    debug: flags.Debug = False,
) -> Coroutine[Any, Any, int]:
    """Check the base URL, the key pair, the clock and the balance, and say what to do about each.

    \b
    Example:
      dmscan doctor
    """
    return _doctor(choice("--format", format_, FORMATS))


async def _doctor(form: str) -> int:
    checks = [check async for check in _checks()]
    write_stdout(_as_json(checks) if form == "json" else "".join(f"{check.mark:<5} {check.name:<9} {check.detail}\n" for check in checks))
    return most_specific(check.code for check in checks)


async def _checks() -> AsyncIterator[Check]:
    from dmscan.doctor import Check, Mark
    from dmscan.settings import load
    from dmscan.wiring import signer

    try:
        settings = load(os.environ)
        key = signer(settings)
    except SettingsError as error:
        yield Check("settings", Mark.FAIL, str(error), error.exit_code)
        return
    yield Check("base URL", Mark.OK, settings.api_url)
    if key:
        yield Check("keys", Mark.OK, f"the pair belongs together (public key …{key.public[-4:]})")
    elif settings.keys:
        yield Check("keys", Mark.WARN, f"not sent to {settings.api_url}: unset DMSCAN_API_URL to use them")
    else:
        yield Check("keys", Mark.WARN, "none: set DMARKET_PUBLIC_KEY and DMARKET_SECRET_KEY for confirmed finds")
    for check in await _market_checks(settings):
        yield check


async def _market_checks(settings: Settings) -> Sequence[Check]:
    from fractions import Fraction

    from dmscan.clock import Clock
    from dmscan.doctor import examine
    from dmscan.wiring import open_market

    async with open_market(settings, Fraction(2), Clock()) as market:
        return await examine(market)


def _as_json(checks: Sequence[Check]) -> str:
    rows = [{"name": check.name, "status": check.mark, "detail": check.detail} for check in checks]
    return json.dumps({"schema": "dmscan.doctor/1", "checks": rows}, indent=2) + "\n"
