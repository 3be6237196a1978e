"""`dmscan scan`: one pass over the market.

The annotations are no texts here, because Typer evaluates a text three times: with so many options that takes 12 ms.
"""

from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, Any

from dmscan.cli import flags
from dmscan.cli.flags import Texts, budget, rule, shown, stored, told, what

GAMES = ("cs2", "csgo", "dota2", "tf2", "rust", "all")
LEVELS = ("boost", "standard", "medium", "advanced", "pro")
ENTRIES = ("offer", "target", "any")
EXITS = ("instant", "relist", "any")
SORTS = ("profit-per-day", "profit", "roi", "cost", "days", "title", "lively")


def scan(
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
    rate: Annotated[str | None, budget("--rate")] = None,
    deadline: Annotated[str, budget("--deadline")] = "5m",
    max_requests: Annotated[int | None, budget("--max-requests")] = None,
    connections: Annotated[int, budget("--connections")] = 20,
    http2: Annotated[bool, budget("--http2")] = False,
    fresh: Annotated[bool, budget("--fresh", env=False)] = False,
    max_age: Annotated[str, budget("--max-age")] = "30m",
    recheck: Annotated[str, budget("--recheck")] = "30s",
    full_sweep_every: Annotated[str, budget("--full-sweep-every")] = "6h",
    plan: Annotated[bool, budget("--plan", env=False)] = False,
    format_: flags.Format = None,
    json: flags.Json = False,
    output: flags.Output = None,
    fields: Annotated[str | None, shown("--fields")] = None,
    sort: Annotated[str | None, shown("--sort", among=SORTS)] = None,
    limit: Annotated[int | None, shown("--limit")] = None,
    since_last: Annotated[bool, shown("--since-last")] = False,
    why: Annotated[bool, shown("--why")] = False,
    fail_empty: Annotated[bool, shown("--fail-empty")] = False,
    quiet: flags.Quiet = False,
    verbose: flags.Verbose = False,
    no_color: flags.NoColor = False,
    debug: flags.Debug = False,
    log_format: flags.LogFormat = "text",
    metrics_file: Annotated[Path | None, shown("--metrics-file", env=True)] = None,
    profile: Annotated[str | None, shown("--profile", among=("cpu", "memory"))] = None,
    sandbox: flags.Sandbox = False,
    no_store: Annotated[bool, stored("--no-store")] = False,
    db: flags.Db = None,
    config: flags.Config = None,
    wait: Annotated[str, stored("--wait")] = "0",
    notify: flags.Notify = False,
    realert: flags.Realert = "20%",
    notify_gone: flags.NotifyGone = False,
    notify_top: flags.NotifyTop = 10,
    quiet_hours: flags.QuietHours = None,
    jitter: Annotated[str, told("--jitter")] = "0",
    ping_url: flags.PingUrl = None,
) -> Coroutine[Any, Any, int] | int:
    """Scan the market once and print what can be bought now and sold again at a profit after the real fee.

    \b
    Examples:
      dmscan scan --sandbox                the built-in market: no key, no network
      dmscan scan -l standard -l medium    items from $3 to $30 that earn 5% or more
      dmscan scan --exit instant -g all    only what a bid takes at once, all games
      dmscan scan --entry target           what to bid for, and what to ask for it then
      dmscan scan --title '*Redline*' --why   why were these refused?
      dmscan scan -g all --plan            what would that cost? Nothing is sent
      dmscan scan -f ndjson | jq .         one JSON object a line, as they are found
      dmscan scan -q -f none --notify      from cron: store the finds, tell them by Telegram
      dmscan scan -q -f csv --since-last   from cron: mail what is new or better
    """
    typed = dict(locals())
    from dmscan.cli.task import task

    if plan:
        from dmscan.cli.plan import show_plan

        return show_plan(task(typed))
    from dmscan.cli.perform import perform
    from dmscan.cli.profiling import profiled

    return profiled(profile, perform(task(typed)), quiet=quiet)
