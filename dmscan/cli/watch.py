"""`dmscan watch`: passes over the market again and again.

The annotations are no texts here, for the reason that stands in `cli/scan.py`.
"""

from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from dmscan.cli import flags
from dmscan.cli.flags import Texts, budget, rule, shown, what
from dmscan.cli.help import WATCH
from dmscan.cli.scan import ENTRIES, EXITS, GAMES, LEVELS, SORTS

FORMATS = ("table", "ndjson", "none")
watched = partial(flags.option, words=WATCH)


def watch(
    game: Annotated[Texts, what("--game", "-g", among=GAMES)] = None,
    title: Annotated[Texts, what("--title", env=False)] = None,
    exclude: Annotated[Texts, what("--exclude", env=False)] = None,
    entry: Annotated[str, what("--entry", among=ENTRIES)] = "offer",
    exit_: Annotated[str, what("--exit", among=EXITS)] = "any",
    level: Annotated[Texts, rule("--level", "-l", among=LEVELS)] = None,
    min_price: Annotated[str | None, rule("--min-price")] = None,
    max_price: Annotated[str | None, rule("--max-price")] = None,
    min_roi: Annotated[str | None, rule("--min-roi")] = None,
    min_profit: Annotated[str, rule("--min-profit")] = "0.05",
    max_lock_days: Annotated[int | None, rule("--max-lock-days")] = None,
    min_sales: Annotated[int, rule("--min-sales")] = 8,
    max_units: Annotated[int, rule("--max-units")] = 5,
    max_days_to_sell: Annotated[str, rule("--max-days-to-sell")] = "7",
    max_days_to_fill: Annotated[str, rule("--max-days-to-fill")] = "7",
    fee: Annotated[str | None, rule("--fee")] = None,
    fee_at: Annotated[str, rule("--fee-at", among=("sale", "now"))] = "sale",
    cashout_fee: Annotated[str, rule("--cashout-fee")] = "0",
    every: Annotated[str, watched("--every", panel="Budget")] = "60s",
    passes: Annotated[int | None, watched("--passes", panel="Budget", env=False)] = None,
    rate: Annotated[str | None, budget("--rate")] = None,
    max_requests: Annotated[int | None, watched("--max-requests", panel="Budget")] = None,
    connections: Annotated[int, budget("--connections")] = 20,
    http2: Annotated[bool, budget("--http2")] = False,
    max_age: Annotated[str, budget("--max-age")] = "30m",
    full_sweep_every: Annotated[str, budget("--full-sweep-every")] = "6h",
    format_: Annotated[str | None, watched("--format", "-f", panel="Output", env=False, among=FORMATS)] = None,
    sort: Annotated[str | None, shown("--sort", among=SORTS)] = None,
    limit: Annotated[int | None, watched("--limit", panel="Output", env=False)] = None,
    quiet: flags.Quiet = False,
    verbose: flags.Verbose = False,
    no_color: flags.NoColor = False,
    debug: flags.Debug = False,
    log_format: flags.LogFormat = "text",
    metrics_file: Annotated[Path | None, shown("--metrics-file", env=True)] = None,
    metrics_port: Annotated[int | None, watched("--metrics-port", panel="Output")] = None,
    profile: Annotated[str | None, shown("--profile", among=("cpu", "memory"))] = None,
    sandbox: flags.Sandbox = False,
    no_store: Annotated[bool, watched("--no-store", panel="Source and history", env=False)] = False,
    db: flags.Db = None,
    config: flags.Config = None,
    wait: Annotated[str, watched("--wait", panel="Source and history", env=False)] = "0",
    notify: flags.Notify = False,
    realert: flags.Realert = "20%",
    notify_gone: flags.NotifyGone = False,
    notify_top: flags.NotifyTop = 10,
    quiet_hours: flags.QuietHours = None,
    ping_url: flags.PingUrl = None,
) -> Coroutine[Any, Any, int]:
    """Scan the market again and again, and tell what is new, what got better and what is gone.

    On a terminal a table is kept up to date; in a pipe each event is a line of JSON. Trouble with the market does not end it.

    \b
    Examples:
      dmscan watch --sandbox               the built-in market: no key, no network
      dmscan watch -l medium --every 2m    items from $10 to $30, every two minutes
      dmscan watch -f ndjson | jq -r 'select(.type == "new") | .opportunity.title'
      dmscan watch -q -f none --notify     only Telegram hears of it
      dmscan watch -f none --passes 10     ten passes into the history, nothing printed
    """
    typed = dict(locals())
    from dmscan.cli.order import order
    from dmscan.cli.passes import perform
    from dmscan.cli.profiling import profiled

    return profiled(profile, perform(order(typed, FORMATS)), quiet=quiet)
