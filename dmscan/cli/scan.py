"""`dmscan scan`: one pass over the market."""

from __future__ import annotations

from typing import Annotated

from dmscan.cli import flags
from dmscan.cli.app import app, wait_for
from dmscan.cli.flags import budget, rule, shown, stored, what

GAMES = ("cs2", "csgo", "dota2", "tf2", "rust", "all")
LEVELS = ("boost", "standard", "medium", "advanced", "pro")
EXITS = ("instant", "relist", "any")
SORTS = ("profit-per-day", "profit", "roi", "cost", "days", "title")


@app.command()
def scan(
    game: Annotated[list[str], what("--game", "-g", metavar="GAME", among=GAMES, default="cs2", help="cs2 (or csgo), dota2, tf2, rust or all; repeatable.")] = [],
    title: Annotated[list[str], what("--title", metavar="GLOB", env=False, help="Only titles that match, in any case; repeatable; @FILE reads a list, @- stdin.")] = [],
    exclude: Annotated[list[str], what("--exclude", metavar="GLOB", env=False, help="No titles that match; otherwise as --title.")] = [],
    entry: Annotated[str, what("--entry", metavar="ENTRY", among=("offer",), help="How to buy: offer.")] = "offer",
    exit_: Annotated[str, what("--exit", metavar="EXIT", among=EXITS, help="How to sell: instant (into targets at once), relist (at a price that sales support) or any.")] = "any",
    level: Annotated[list[str], rule("--level", "-l", metavar="LEVEL", among=LEVELS, help="boost ($0.50-$3, 1%), standard ($3-$10, 5%), medium ($10-$30, 5%), advanced ($30-$100, 10%), pro ($100-$1000, 20%); repeatable.")] = [],
    min_price: Annotated[str | None, rule("--min-price", metavar="DOLLARS", default="0.50", help="Least ask.")] = None,
    max_price: Annotated[str | None, rule("--max-price", metavar="DOLLARS", help="Highest ask.")] = None,
    min_roi: Annotated[str | None, rule("--min-roi", metavar="SHARE", default="3%", help="Least net profit as a share of the cost, 3% or 0.03; replaces that of the levels.")] = None,
    min_profit: Annotated[str, rule("--min-profit", metavar="DOLLARS", help="Least net profit of a unit.")] = "0.05",
    max_lock_days: Annotated[int | None, rule("--max-lock-days", metavar="DAYS", help="No items locked for longer.")] = None,
    min_sales: Annotated[int, rule("--min-sales", metavar="N", help="Qualified sales that a relist needs.")] = 8,
    max_units: Annotated[int, rule("--max-units", metavar="N", help="Most units of one relist.")] = 5,
    max_days_to_sell: Annotated[str, rule("--max-days-to-sell", metavar="DAYS", help="A relist must be sold by then.")] = "7",
    fee: Annotated[str | None, rule("--fee", metavar="SHARE", help="This fee instead of the market's table.")] = None,
    fee_at: Annotated[str, rule("--fee-at", metavar="WHEN", among=("sale", "now"), help="sale: a reduced fee must last until the expected sale; now: today's is taken to be renewed.")] = "sale",
    cashout_fee: Annotated[str, rule("--cashout-fee", metavar="SHARE", help="What leaving with the money costs; fills one column, changes nothing else.")] = "0",
    rate: Annotated[str | None, budget("--rate", metavar="N", default="2", help="Requests a second.")] = None,
    deadline: Annotated[str, budget("--deadline", metavar="TIME", help="End after 30s, 5m, 1h with the best part done; 0 for none.")] = "5m",
    max_requests: Annotated[int | None, budget("--max-requests", metavar="N", help="Send at most N requests, retries included.")] = None,
    fresh: Annotated[bool, budget("--fresh", env=False, help="Use nothing stored: a full sweep and no stored sales.")] = False,
    format_: flags.Format = None,
    json: flags.Json = False,
    output: flags.Output = None,
    fields: Annotated[str | None, shown("--fields", metavar="A,B,C", help="Only these fields of each opportunity.")] = None,
    sort: Annotated[str | None, shown("--sort", metavar="KEY", among=SORTS, default="profit-per-day", help="profit-per-day, profit, roi, cost, days or title.")] = None,
    limit: Annotated[int | None, shown("--limit", metavar="N", default="20 in a table, else all", help="Most opportunities shown.")] = None,
    why: Annotated[bool, shown("--why", help="Name refused titles by reason.")] = False,
    fail_empty: Annotated[bool, shown("--fail-empty", help="Exit with 4 if nothing was found.")] = False,
    quiet: flags.Quiet = False,
    verbose: flags.Verbose = False,
    no_color: flags.NoColor = False,
    debug: flags.Debug = False,
    sandbox: flags.Sandbox = False,
    no_store: Annotated[bool, stored("--no-store", help="Store nothing.")] = False,
    db: flags.Db = None,
    wait: Annotated[str, stored("--wait", metavar="TIME", help="Wait that long for another scan to finish, instead of exiting with 11.")] = "0",
) -> int:
    """Scan the market once and print what can be bought now and sold again at a profit after the real fee.

    \b
    Examples:
      dmscan scan --sandbox                       the built-in market: no key, no network
      dmscan scan -g cs2 -l standard -l medium    items from $3 to $30 that earn 5% or more
      dmscan scan --exit instant --min-roi 5%     only what a bid takes at once
      dmscan scan --title '*Redline*' --why       some titles, and why others were refused
      dmscan scan -f ndjson | jq .                one JSON object a line, as they are found
      dmscan scan -q -f none                      from cron: store the finds, print nothing
    """
    typed = dict(locals())
    from dmscan.cli.perform import perform  # noqa: PLC0415 - the scanner and all below it
    from dmscan.cli.task import task  # noqa: PLC0415

    return wait_for(perform(task(typed)))
