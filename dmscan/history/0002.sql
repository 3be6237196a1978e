-- `quoted_at` is 0 for a title that was never quoted. The usual ask averages the asks of changed quotes. The columns of sales speak
-- of the last answer: its rows are the sales with a `place`, none of them older than `sales_oldest_at`.
CREATE TABLE titles (
    id INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL REFERENCES sources,
    game TEXT NOT NULL CHECK (game <> ''),
    title TEXT NOT NULL CHECK (title <> ''),
    ask_cents INTEGER CHECK (ask_cents > 0),
    bid_cents INTEGER CHECK (bid_cents > 0),
    ask_count INTEGER NOT NULL DEFAULT 0 CHECK (ask_count >= 0),
    bid_count INTEGER NOT NULL DEFAULT 0 CHECK (bid_count >= 0),
    quoted_at INTEGER NOT NULL DEFAULT 0,
    usual_ask_cents INTEGER CHECK (usual_ask_cents > 0),
    two_sided INTEGER NOT NULL DEFAULT 0 CHECK (two_sided IN (0, 1)),
    looks INTEGER NOT NULL DEFAULT 0,
    finds INTEGER NOT NULL DEFAULT 0 CHECK (finds BETWEEN 0 AND looks),
    sales_asked_at INTEGER,
    sales_oldest_at INTEGER,
    sales_qualified INTEGER CHECK (sales_qualified >= 0),
    sales_best_q40_cents INTEGER CHECK (sales_best_q40_cents > 0),
    sales_pace TEXT,
    first_seen_at INTEGER NOT NULL,
    UNIQUE (title, game, source_id),
    CHECK ((sales_asked_at IS NULL) = (sales_qualified IS NULL)),
    CHECK ((sales_asked_at IS NULL) = (sales_pace IS NULL))
) STRICT;

-- The title comes first in the unique key, because SQLite compares records by their first column much faster than by later ones.
CREATE INDEX titles_by_game ON titles (source_id, game);

-- One row a sale: `ordinal` tells those apart that were equal in one answer. `place` is the row's in the last answer, or null.
CREATE TABLE sales (
    title INTEGER NOT NULL REFERENCES titles ON DELETE CASCADE,
    kind TEXT NOT NULL CHECK (kind IN ('Offer', 'Target')),
    sold_at INTEGER NOT NULL,
    price_cents INTEGER NOT NULL CHECK (price_cents > 0),
    phase TEXT NOT NULL,
    float_value TEXT NOT NULL,
    ordinal INTEGER NOT NULL CHECK (ordinal >= 0),
    place INTEGER CHECK (place >= 0),
    PRIMARY KEY (title, kind, sold_at, price_cents, phase, float_value, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE fee_tables (
    id INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL REFERENCES sources,
    game TEXT NOT NULL CHECK (game <> ''),
    fetched_at INTEGER NOT NULL,
    default_fraction TEXT NOT NULL,
    min_cents INTEGER NOT NULL CHECK (min_cents >= 0),
    default_source TEXT NOT NULL CHECK (default_source IN ('reduced', 'default', 'assumed', 'set')),
    ignored INTEGER NOT NULL CHECK (ignored >= 0)
) STRICT;

-- An index and no constraint of the table, so that a later step can keep more than the current one.
CREATE UNIQUE INDEX fee_tables_current ON fee_tables (source_id, game);

CREATE TABLE fee_rows (
    fee_table INTEGER NOT NULL REFERENCES fee_tables ON DELETE CASCADE,
    title TEXT NOT NULL CHECK (title <> ''),
    ordinal INTEGER NOT NULL CHECK (ordinal >= 0),
    fraction TEXT NOT NULL,
    low_cents INTEGER NOT NULL,
    high_cents INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (fee_table, title, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE sweeps (
    source_id INTEGER NOT NULL REFERENCES sources,
    game TEXT NOT NULL CHECK (game <> ''),
    full_at INTEGER NOT NULL,
    cursor TEXT NOT NULL,
    PRIMARY KEY (source_id, game)
) STRICT, WITHOUT ROWID;

CREATE INDEX scans_by_end ON scans (source_id, finished_at);

-- Requests are long and few: their length tells most of them apart in a byte or two.
CREATE INDEX scans_by_request ON scans (source_id, length(request), finished_at) WHERE status IN ('finished', 'cut');
