-- What a title was asked and bid at, one row each time its ask, its bid or a count had changed; written by the two triggers below.
CREATE TABLE quotes (
    title INTEGER NOT NULL REFERENCES titles ON DELETE CASCADE,
    at INTEGER NOT NULL,
    ask_cents INTEGER,
    bid_cents INTEGER,
    ask_count INTEGER NOT NULL,
    bid_count INTEGER NOT NULL,
    PRIMARY KEY (title, at)
) STRICT, WITHOUT ROWID;

-- What is known when this step comes is where the course of a title begins.
INSERT INTO quotes SELECT id, quoted_at, ask_cents, bid_cents, ask_count, bid_count FROM titles WHERE quoted_at > 0;

CREATE TRIGGER quote_first AFTER INSERT ON titles WHEN NEW.quoted_at > 0
BEGIN
    INSERT INTO quotes VALUES (NEW.id, NEW.quoted_at, NEW.ask_cents, NEW.bid_cents, NEW.ask_count, NEW.bid_count);
END;

CREATE TRIGGER quote_changed AFTER UPDATE OF quoted_at ON titles
WHEN (NEW.ask_cents, NEW.bid_cents, NEW.ask_count, NEW.bid_count) IS NOT (OLD.ask_cents, OLD.bid_cents, OLD.ask_count, OLD.bid_count)
    OR OLD.quoted_at = 0
BEGIN
    INSERT INTO quotes VALUES (NEW.id, NEW.quoted_at, NEW.ask_cents, NEW.bid_cents, NEW.ask_count, NEW.bid_count)
    ON CONFLICT (title, at) DO UPDATE SET ask_cents = excluded.ask_cents, bid_cents = excluded.bid_cents,
        ask_count = excluded.ask_count, bid_count = excluded.bid_count;
END;

-- Each day has its list of reduced fees: the earlier ones are kept too, the current one is the last fetched.
DROP INDEX fee_tables_current;
CREATE UNIQUE INDEX fee_tables_by_age ON fee_tables (source_id, game, fetched_at);

-- One opportunity over time. It is open while `ended_at` is null; `ended` says how it ended: 'gone' at a later scan whose rules were at
-- least as wide and that gave the title and exit a verdict, or 'censored', where it was last seen, after more than a day without such a
-- scan. `request` is what decides on finds, as JSON: of the scans that saw it the widest.
CREATE TABLE episodes (
    id INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL REFERENCES sources,
    game TEXT NOT NULL CHECK (game <> ''),
    title TEXT NOT NULL CHECK (title <> ''),
    phase TEXT NOT NULL,
    entry TEXT NOT NULL CHECK (entry IN ('offer', 'target')),
    exit TEXT NOT NULL CHECK (exit IN ('instant', 'relist')),
    begun_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL CHECK (seen_at >= begun_at),
    scans INTEGER NOT NULL DEFAULT 1 CHECK (scans > 0),
    ended_at INTEGER CHECK (ended_at >= seen_at),
    ended TEXT CHECK (ended IN ('gone', 'censored')),
    cost_cents INTEGER NOT NULL CHECK (cost_cents > 0),
    net_profit_cents INTEGER NOT NULL,
    best_net_profit_cents INTEGER NOT NULL CHECK (best_net_profit_cents >= net_profit_cents),
    request TEXT NOT NULL,
    CHECK ((ended_at IS NULL) = (ended IS NULL))
) STRICT;

CREATE UNIQUE INDEX episodes_open ON episodes (source_id, game, title, phase, entry, exit) WHERE ended IS NULL;
CREATE INDEX episodes_by_begin ON episodes (source_id, begun_at);
CREATE INDEX episodes_by_title ON episodes (source_id, title, game);

-- What a day (whole days since 1970 UTC) came to: the episodes that began on it by the price level of their first unit ('' for none), with
-- their cost and net profit at first sight, and the requests of the scans that began on it.
CREATE TABLE days (
    source_id INTEGER NOT NULL REFERENCES sources,
    day INTEGER NOT NULL,
    game TEXT NOT NULL,
    entry TEXT NOT NULL,
    exit TEXT NOT NULL,
    level TEXT NOT NULL,
    episodes INTEGER NOT NULL CHECK (episodes >= 0),
    cost_cents INTEGER NOT NULL,
    net_profit_cents INTEGER NOT NULL,
    PRIMARY KEY (source_id, day, game, entry, exit, level)
) STRICT, WITHOUT ROWID;

CREATE TABLE spent (
    source_id INTEGER NOT NULL REFERENCES sources,
    day INTEGER NOT NULL,
    endpoint TEXT NOT NULL,
    requests INTEGER NOT NULL CHECK (requests >= 0),
    PRIMARY KEY (source_id, day, endpoint)
) STRICT, WITHOUT ROWID;

-- A few refused titles of each scan, drawn at random: what the finds are compared with later.
CREATE TABLE samples (
    scan INTEGER NOT NULL REFERENCES scans ON DELETE CASCADE,
    source_id INTEGER NOT NULL REFERENCES sources,
    game TEXT NOT NULL,
    title TEXT NOT NULL,
    entry TEXT NOT NULL,
    exit TEXT NOT NULL,
    reason TEXT NOT NULL,
    ask_cents INTEGER,
    bid_cents INTEGER,
    at INTEGER NOT NULL,
    PRIMARY KEY (scan, game, title, entry, exit)
) STRICT, WITHOUT ROWID;
