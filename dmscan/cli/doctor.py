"""`dmscan doctor`: is everything as it should be?"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

from dmscan.cli import flags
from dmscan.cli.app import app, wait_for
from dmscan.cli.help import DOCTOR
from dmscan.cli.options import choice
from dmscan.cli.output import write_stdout
from dmscan.errors import ExitCode, SettingsError, most_specific

if TYPE_CHECKING:
    from dmscan.doctor import Check
    from dmscan.settings import Settings


@app.command()
def doctor(
    format_: Annotated[str, flags.shown("--format", "-f", among=("table", "json"), words=DOCTOR)] = "table",
    debug: flags.Debug = False,
) -> int:
    """Check the base URL, the key pair, the clock and the balance, and say what to do about each.

    \b
    Example:
      dmscan doctor
    """
    form = choice("--format", format_, ("table", "json"))
    checks = _settings_checks()
    write_stdout(_as_json(checks) if form == "json" else "".join(f"{check.mark:<5} {check.name:<9} {check.detail}\n" for check in checks))
    return most_specific(check.code for check in checks)


def _settings_checks() -> Sequence[Check]:
    from dmscan.doctor import Check, Mark
    from dmscan.settings import load
    from dmscan.wiring import signer

    try:
        settings = load(os.environ)
        key = signer(settings)
    except SettingsError as error:
        return [Check("settings", Mark.FAIL, str(error), ExitCode.SETTINGS_REFUSED)]
    url = Check("base URL", Mark.OK, settings.api_url)
    if key:
        pair = Check("keys", Mark.OK, f"the pair belongs together (public key …{key.public[-4:]})")
    elif settings.keys:
        pair = Check("keys", Mark.WARN, f"not sent to {settings.api_url}: unset DMSCAN_API_URL to use them")
    else:
        pair = Check("keys", Mark.WARN, "none: set DMARKET_PUBLIC_KEY and DMARKET_SECRET_KEY for confirmed finds")
    return [url, pair, *wait_for(_market_checks(settings))]


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
