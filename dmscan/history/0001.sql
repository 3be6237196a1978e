-- Money is whole US cents, times are whole Unix seconds UTC, shares and days are exact fractions as text ("13/4").

CREATE TABLE sources (
    id INTEGER PRIMARY KEY,
    url TEXT NOT NULL UNIQUE CHECK (url <> '')
) STRICT;

-- A scan that died stays 'running'; 'cut' ended before every candidate had its verdict; 'failed' found no usable data.
CREATE TABLE scans (
    id INTEGER PRIMARY KEY,
    scan_id TEXT NOT NULL UNIQUE CHECK (scan_id <> ''),
    source_id INTEGER NOT NULL REFERENCES sources,
    status TEXT NOT NULL CHECK (status IN ('running', 'finished', 'cut', 'failed')),
    started_at INTEGER NOT NULL,
    finished_at INTEGER,
    complete INTEGER NOT NULL DEFAULT 0 CHECK (complete IN (0, 1)),
    coverage TEXT,
    signed INTEGER CHECK (signed IN (0, 1)),
    exit_code INTEGER,
    request TEXT NOT NULL,
    stats TEXT,
    fee_sources TEXT,
    troubles TEXT,
    dmscan_version TEXT NOT NULL,
    CHECK ((status = 'running') = (finished_at IS NULL)),
    CHECK ((status = 'running') = (exit_code IS NULL))
) STRICT;

CREATE INDEX scans_by_source ON scans (source_id, started_at);

CREATE TABLE opportunities (
    id INTEGER PRIMARY KEY,
    scan INTEGER NOT NULL REFERENCES scans ON DELETE CASCADE,
    source_id INTEGER NOT NULL REFERENCES sources,
    game TEXT NOT NULL CHECK (game <> ''),
    title TEXT NOT NULL CHECK (title <> ''),
    phase TEXT NOT NULL,
    entry TEXT NOT NULL CHECK (entry IN ('offer', 'target')),
    exit TEXT NOT NULL CHECK (exit IN ('instant', 'relist')),
    confidence TEXT NOT NULL CHECK (confidence IN ('confirmed', 'quote')),
    as_of INTEGER NOT NULL,
    units INTEGER NOT NULL CHECK (units > 0),
    cost_cents INTEGER NOT NULL CHECK (cost_cents > 0),
    sell_cents INTEGER NOT NULL CHECK (sell_cents > 0),
    fee_cents INTEGER NOT NULL CHECK (fee_cents >= 0),
    net_profit_cents INTEGER NOT NULL CHECK (net_profit_cents = sell_cents - fee_cents - cost_cents),
    net_profit_if_renewed_cents INTEGER,
    net_after_cashout_cents INTEGER NOT NULL,
    profit_per_day_cents INTEGER NOT NULL,
    bail_out_cents INTEGER,
    break_even_cents INTEGER NOT NULL,
    max_buy_cents INTEGER,
    fee_fraction TEXT NOT NULL,
    fee_source TEXT NOT NULL CHECK (fee_source IN ('reduced', 'default', 'assumed', 'set')),
    hold_days TEXT NOT NULL,
    days_to_fill TEXT,
    pace_per_day TEXT,
    quote_ask_cents INTEGER,
    quote_bid_cents INTEGER,
    quote_ask_count INTEGER NOT NULL,
    quote_bid_count INTEGER NOT NULL,
    quote_at INTEGER NOT NULL,
    sales_qualified INTEGER,
    sales_median_cents INTEGER,
    sales_q40_cents INTEGER,
    sales_at_or_above INTEGER,
    sales_last_at INTEGER,
    sales_fetched_at INTEGER,
    next_ask_cents INTEGER,
    warnings TEXT NOT NULL,
    UNIQUE (scan, game, title, phase, entry, exit)
) STRICT;

CREATE INDEX opportunities_by_title ON opportunities (source_id, game, title, as_of);

CREATE TABLE legs (
    opportunity INTEGER NOT NULL REFERENCES opportunities ON DELETE CASCADE,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 0),
    source_id INTEGER NOT NULL REFERENCES sources,
    ask_cents INTEGER NOT NULL CHECK (ask_cents > 0),
    sell_cents INTEGER NOT NULL CHECK (sell_cents > 0),
    fee_cents INTEGER NOT NULL CHECK (fee_cents >= 0),
    fee_at INTEGER NOT NULL,
    lock_days INTEGER,
    offer_id TEXT,
    offer_created_at INTEGER,
    resellable INTEGER CHECK (resellable IN (0, 1)),
    phase TEXT,
    float_part TEXT,
    float_value TEXT,
    paint_seed TEXT,
    unlock_at INTEGER,
    reversible_until INTEGER,
    target_price_cents INTEGER,
    target_amount INTEGER,
    target_float_part TEXT,
    target_phase TEXT,
    target_paint_seed TEXT,
    PRIMARY KEY (opportunity, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE rejections (
    scan INTEGER NOT NULL REFERENCES scans ON DELETE CASCADE,
    source_id INTEGER NOT NULL REFERENCES sources,
    entry TEXT NOT NULL CHECK (entry IN ('offer', 'target')),
    exit TEXT NOT NULL CHECK (exit IN ('instant', 'relist')),
    reason TEXT NOT NULL CHECK (reason <> ''),
    titles INTEGER NOT NULL CHECK (titles >= 0),
    PRIMARY KEY (scan, entry, exit, reason)
) STRICT, WITHOUT ROWID;

-- `day` counts whole days since 1970 UTC.
CREATE TABLE fee_attempts (
    source_id INTEGER NOT NULL REFERENCES sources,
    game TEXT NOT NULL CHECK (game <> ''),
    day INTEGER NOT NULL,
    answered INTEGER NOT NULL CHECK (answered IN (0, 1)),
    PRIMARY KEY (source_id, game, day)
) STRICT, WITHOUT ROWID;
