"""What one `scan` is to do, decided before anything is opened or sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from msgspec import structs

from dmscan.cli.configured import settings_of
from dmscan.cli.form import Form, form
from dmscan.cli.log import hide
from dmscan.cli.metrics import check_metrics_file
from dmscan.cli.notices import Notices, notices
from dmscan.cli.options import parse, parse_duration, within
from dmscan.cli.request import scan_request
from dmscan.core.models import Entry, Exit
from dmscan.core.report import ScanRequest
from dmscan.errors import SettingsError, UsageError
from dmscan.settings import MOST_CONNECTIONS, Secret, Settings, check_ping_url, history_file
from dmscan.wiring import signer, throwaway_keys

WITHOUT_A_KEY = "set DMARKET_PUBLIC_KEY and DMARKET_SECRET_KEY"
WITHOUT_SALES = {(Entry.OFFER, Exit.INSTANT): "instant finds", (Entry.TARGET, Exit.RELIST): "bids of your own"}
SANDBOX_SHARE = Fraction(9, 10)


@dataclass(frozen=True, slots=True)
class Task:
    """`wait_s` is how long to wait for another storing scan; `notes` are told on stderr before the scan.

    `notices` are `None` if nobody is told of finds; the scan begins up to `jitter_s` seconds late.
    """

    request: ScanRequest
    form: Form
    settings: Settings
    sandbox: bool
    store: bool
    wait_s: int
    fail_empty: bool
    quiet: bool
    verbose: bool
    since_last: bool
    metrics: Path | None = None
    notices: Notices | None = None
    jitter_s: int = 0
    notes: tuple[str, ...] = ()

    @property
    def source(self) -> str:
        return "sandbox" if self.sandbox else self.settings.api_url


def task(typed: Mapping[str, Any]) -> Task:
    """Raises UsageError, SettingsError or OutputError, each naming what to change."""
    shown = form(typed)
    if typed["since_last"] and typed["no_store"]:
        raise UsageError("--since-last compares with stored scans, so it cannot go with --no-store.")
    settings = _settings(typed)
    planned = Task(
        request=structs.replace(scan_request(typed), limit=shown.limit),
        form=shown,
        settings=settings,
        sandbox=typed["sandbox"],
        store=not typed["no_store"],
        wait_s=parse("--wait", typed["wait"], parse_duration) or 0,
        fail_empty=typed["fail_empty"],
        quiet=typed["quiet"],
        verbose=typed["verbose"],
        since_last=typed["since_last"],
        metrics=typed["metrics_file"],
        notices=notices(typed, settings.telegram),
        jitter_s=parse("--jitter", typed.get("jitter"), parse_duration) or 0,
    )
    if planned.metrics:
        check_metrics_file(planned.metrics)
    if planned.form.streams or planned.form.name == "none":
        planned = replace(planned, request=structs.replace(planned.request, recheck_s=None))
    if planned.sandbox:
        return planned if typed["rate"] else _at_sandbox_rate(planned)
    return planned if signer(planned.settings) else _keyless(planned, typed)


def _settings(typed: Mapping[str, Any]) -> Settings:
    connections, http2 = typed["connections"], typed["http2"]
    within("--connections", connections, 1, MOST_CONNECTIONS)
    if http2 and not find_spec("h2"):
        raise SettingsError("--http2 needs a package that is not installed: pip install 'dmscan[http2]'.")
    db = typed["db"]
    settings = settings_of(typed["config"], db)
    if typed["sandbox"]:
        bot, ping_url = settings.telegram, settings.ping_url
        settings = Settings("", throwaway_keys(), history_file(db, "sandbox.db"), telegram=bot, ping_url=ping_url)
    if typed["ping_url"]:
        check_ping_url("--ping-url", typed["ping_url"])
        settings = replace(settings, ping_url=Secret(typed["ping_url"]))
        hide(typed["ping_url"])
    return replace(settings, connections=connections, http2=http2)


def _at_sandbox_rate(planned: Task) -> Task:
    """As fast as the sandbox's own limits allow."""
    from dmscan.sandbox.parameters import DEMO

    return replace(planned, request=structs.replace(planned.request, rate=DEMO.rate * SANDBOX_SHARE, rate_set=True))


def _keyless(planned: Task, typed: Mapping[str, Any]) -> Task:
    """Without a key only quotes can be read (design chapter 4). They do not tell how fast a bid pays, so the lively come first."""
    request = structs.replace(planned.request, signed=False)
    if not request.pairs:
        raise SettingsError(f"--exit relist needs sales, which need a key: {WITHOUT_A_KEY}, or use --exit instant or --entry target.")
    request = structs.replace(request, exits=tuple(dict.fromkeys(exit_ for _, exit_ in request.pairs)))
    if request.rules.max_lock_days is not None:
        raise UsageError(f"--max-lock-days needs a key, because quotes do not show locks: {WITHOUT_A_KEY}.")
    if Entry.TARGET in request.entries and typed["sort"] is None:
        request = structs.replace(request, sort="lively")
    cause = f"keys are not sent to {planned.settings.api_url}" if planned.settings.keys else "no key is set"
    what = " and ".join(WITHOUT_SALES[pair] for pair in request.pairs)
    note = f"{cause}: scanning quotes only, {what} of one unit, unconfirmed (bids may be restricted); for the rest {WITHOUT_A_KEY}."
    return replace(planned, request=request, notes=(note,))
