"""What each option says of itself: its placeholder, its help, and its default in words where the value does not say it."""

from __future__ import annotations

from typing import NamedTuple


class Help(NamedTuple):
    metavar: str | None
    text: str
    default: str | None = None


LOG_FORMATS = ("text", "json")
FORMATS = ("table", "json", "ndjson", "csv", "markdown", "none")
LEVELS = "boost ($0.50-$3, 1%), standard ($3-$10, 5%), medium ($10-$30, 5%), advanced ($30-$100, 10%), pro ($100-$1000, 20%)"

SCAN = {
    "--game": Help("GAME", "cs2 (or csgo), dota2, tf2, rust or all; repeatable.", "cs2"),
    "--title": Help("GLOB", "Only titles that match, in any case; repeatable; @FILE reads a list, @- stdin."),
    "--exclude": Help("GLOB", "No titles that match; otherwise as --title."),
    "--entry": Help("ENTRY", "How to buy: offer (what is for sale now), target (a bid of your own that waits) or any."),
    "--exit": Help("EXIT", "How to sell: instant (into targets at once), relist (at a price that sales support) or any."),
    "--level": Help("LEVEL", f"{LEVELS}; repeatable."),
    "--min-price": Help("DOLLARS", "Least ask.", "0.50"),
    "--max-price": Help("DOLLARS", "Highest ask."),
    "--min-roi": Help("SHARE", "Least net profit as a share of the cost, 3% or 0.03; replaces that of the levels.", "3%"),
    "--min-profit": Help("DOLLARS", "Least net profit of a unit."),
    "--max-lock-days": Help("DAYS", "No items locked for longer."),
    "--min-sales": Help("N", "Qualified sales that a relist needs."),
    "--max-units": Help("N", "Most units of one relist."),
    "--max-days-to-sell": Help("DAYS", "A relist must be sold by then."),
    "--max-days-to-fill": Help("DAYS", "A bid of your own must be filled by then."),
    "--fee": Help("SHARE", "This fee instead of the market's table."),
    "--fee-at": Help("WHEN", "sale: a reduced fee must last until the expected sale; now: today's is taken to be renewed."),
    "--cashout-fee": Help("SHARE", "What leaving with the money costs; fills one column, changes nothing else."),
    "--rate": Help("N", "Requests a second in all.", "from 2 up, as the market allows"),
    "--deadline": Help("TIME", "End after 30s, 5m, 1h with the best part done; 0 for none."),
    "--max-requests": Help("N", "Send at most N requests, retries included."),
    "--connections": Help("N", "Most requests under way at a time, 1 to 100; each has a connection of its own."),
    "--http2": Help(None, "Send them over one connection where the market speaks HTTP/2; needs pip install 'dmscan[http2]'."),
    "--fresh": Help(None, "Use nothing stored: a full sweep and no stored sales."),
    "--max-age": Help("TIME", "Use no number that is older."),
    "--recheck": Help("TIME", "Look again at what is shown if its offers or targets are older."),
    "--full-sweep-every": Help("TIME", "How often the whole catalogue is read; between, the titles near the prices wanted are."),
    "--plan": Help(None, "Only say what the scan would cost, by what is stored; nothing is sent or stored."),
    "--format": Help("FORMAT", "table, json, ndjson, csv, markdown or none.", "table on a terminal, else json"),
    "--json": Help(None, "The same as -f json."),
    "--output": Help("FILE", "Write to FILE in one step instead of stdout."),
    "--fields": Help("A,B,C", "Only these fields of each opportunity."),
    "--sort": Help("KEY", "profit-per-day, profit, roi, cost, days, title or lively (profit by how many sell and bid).", "profit-per-day"),
    "--limit": Help("N", "Most opportunities shown.", "20 in a table, else all"),
    "--since-last": Help(None, "Show only what is new or better than in the last scan of the same request."),
    "--why": Help(None, "Name refused titles by reason."),
    "--fail-empty": Help(None, "Exit with 4 if nothing was found."),
    "--quiet": Help(None, "Nothing on stderr unless something is wrong."),
    "--verbose": Help(None, "Say on stderr what is done and what it cost."),
    "--no-color": Help(None, "No colour; NO_COLOR does the same."),
    "--debug": Help(None, "Show the trace of a bug."),
    "--log-format": Help("FORMAT", "What stands on stderr: text, or json for one object a line (with -v one for each request too)."),
    "--metrics-file": Help("FILE", "Leave the scan's figures there for Prometheus' node exporter (a name that ends in .prom)."),
    "--profile": Help("WHAT", "Where the run spends its cpu or its memory: dmscan-profile.pstats or dmscan-memory.txt in this folder."),
    "--sandbox": Help(None, "Use the built-in market: no key, no network."),
    "--no-store": Help(None, "Store nothing."),
    "--db": Help("FILE", "The history database.", "history.db in the platform's data folder"),
    "--config": Help("FILE", "The settings file; /dev/null for none.", "config.toml in the platform's config folder"),
    "--wait": Help("TIME", "Wait that long for another scan to finish, instead of exiting with 11."),
    "--notify": Help(None, "Tell what is new by Telegram (DMSCAN_TELEGRAM_TOKEN, DMSCAN_TELEGRAM_CHAT; see dmscan notify)."),
    "--realert": Help("SHARE", "Tell again what is still there when its net profit rose by that share."),
    "--notify-gone": Help(None, "Tell also what was told and is gone."),
    "--notify-top": Help("N", "Most finds shown in a message; the others are counted."),
    "--quiet-hours": Help("FROM-TO", "Send nothing in these hours of your time zone, such as 23:00-07:00."),
    "--jitter": Help("TIME", "Begin up to that much later, by chance: at :00 everybody begins."),
    "--ping-url": Help("URL", "Tell a monitor of cron jobs how a scan begins and ends; better as DMSCAN_PING_URL(_FILE)."),
}

SERVE = {
    "--port": Help("PORT", "Port on loopback; 0 takes a free one."),
    "--seed": Help("N", "The same seed is the same market.", "the demo's"),
    "--titles": Help("N", "Titles of each game.", "the demo's"),
    "--rate": Help("N", "Requests a second and group.", "the demo's"),
    "--crossed": Help("SHARE", "Titles whose bid beats their ask: scarce, usual, rich or a share.", "the demo's"),
    "--edition": Help("EDITION", "The edition of the API: 2026-10 or 2026-07."),
    "--born": Help("UNIX", "The moment whose market this is: the same seed and moment are the same market.", "now"),
    "--still": Help(None, "A market that stands still; by default offers, targets and sales come and go."),
    "--fault": Help("X=KIND", "An endpoint goes wrong, for the first N calls with :N; repeatable."),
}

WATCH = {
    "--every": Help("TIME", "A pass begins so often, or at once if the one before took longer; give or take a tenth."),
    "--passes": Help("N", "End after N passes.", "never"),
    "--max-requests": Help("N", "Send at most N requests in each pass, retries included."),
    "--format": Help("FORMAT", "table (on a terminal, kept up to date), ndjson or none.", "table on a terminal, else ndjson"),
    "--limit": Help("N", "Most rows of the table.", "as many as fit"),
    "--no-store": Help(None, "Store nothing; what the watch has to remember goes with it."),
    "--wait": Help("TIME", "Wait that long for another watch to end, instead of exiting with 11."),
    "--metrics-port": Help("PORT", "Serve the figures on loopback for Prometheus; needs pip install 'dmscan[metrics]'."),
}

DOCTOR = {
    "--format": Help("FORMAT", "table or json."),
    "--offline": Help(None, "Send nothing: look at settings, database and installation only."),
    "--verbose": Help(None, "Name every library with its version, and what does no harm too."),
}

NOTIFY = {"--format": Help("FORMAT", "table or json.", "table on a terminal, else json")}

HISTORY = {
    "SCAN": Help("SCAN", "A scan's id, as much of its beginning as tells it apart, or last."),
    "TITLE": Help("TITLE", "The whole title."),
    "--game": Help("GAME", "cs2 (or csgo), dota2, tf2 or rust."),
    "--since": Help("TIME", "From then on: 30d ago, from a day (2026-11-01, UTC) or a moment (2026-11-01T12:00:00Z) on."),
    "--until": Help("TIME", "Up to then, as --since; a day is left out with all that follows.", "now"),
    "--limit": Help("N", "Most scans listed."),
    "--by": Help("PART", "What to tell apart: game, level, exit, entry, week or day."),
}

EXPLAIN = {
    "TITLE": Help("TITLE", "The whole title."),
    "--game": Help("GAME", "cs2 (or csgo), dota2, tf2 or rust.", "cs2"),
    "--offline": Help(None, "Ask nobody: explain what is stored, however old."),
    "--format": Help("FORMAT", "table or json.", "table on a terminal, else json"),
    "--max-age": Help("TIME", "Ask again for what is stored and older."),
}

FEES = {
    "TITLE": Help("TITLE", "The whole title; not with --changed."),
    "--game": Help("GAME", "cs2 (or csgo), dota2, tf2, rust or, with --changed, all; repeatable with --changed.", "cs2"),
    "--price": Help("DOLLARS", "A sale price to work out; repeatable.", "the last ask and bid"),
    "--cost": Help("DOLLARS", "What was paid: from which sale price on is that covered?"),
    "--changed": Help(None, "What changed since the last stored table of a day before."),
    "--offline": Help(None, "Ask nobody: the fees as they are stored, however old."),
}

KEEP = {
    "FILE": Help("FILE", "The new file; one that exists is refused."),
    "--keep": Help("TIME", "What is younger stays."),
    "--vacuum": Help(None, "Give the room back to the disk; the whole file is written anew, and no scan can store meanwhile."),
    "--what": Help("WHAT", "scans, opportunities, quotes, sales or episodes."),
    "--since": Help("TIME", "From then on: 30d ago, from a day (2026-11-01, UTC) or a moment (2026-11-01T12:00:00Z) on."),
    "--until": Help("TIME", "Up to then, as --since.", "now"),
    "--format": Help("FORMAT", "ndjson or csv."),
}

CONFIG = {
    "--config": Help("FILE", "The settings file.", "config.toml in the platform's config folder"),
    "--all": Help(None, "Those at their default as well."),
    "--format": Help("FORMAT", "table or json.", "table on a terminal, else json"),
}

SETTINGS = {
    "api_url": Help(None, "Where the market is; keys go only to the service itself and to loopback.", "https://api.dmarket.com"),
    "public_key": Help(None, "The public key of your account."),
    "public_key_file": Help(None, "Instead, a file that holds it; only you may be able to read it."),
    "secret_key": Help(None, "The secret key of your account."),
    "secret_key_file": Help(None, "Instead, a file that holds it; only you may be able to read it."),
    "telegram_token": Help(None, "The token that @BotFather gave your bot."),
    "telegram_token_file": Help(None, "Instead, a file that holds it; only you may be able to read it."),
    "telegram_chat": Help(None, "Who is written to: numbers or @names; dmscan notify chats finds them."),
    "telegram_url": Help(None, "Another server of the Bot API.", "https://api.telegram.org"),
    "ping_url": Help(None, "Told how scans begin and end, so that somebody notices when they stop."),
    "ping_url_file": Help(None, "Instead, a file that holds it; only you may be able to read it."),
}
"""What no option says, by its key in the settings file."""
