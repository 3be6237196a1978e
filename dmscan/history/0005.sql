-- Attempts to send a message, one row each: stored as 'sending' before it goes out, so one that stays so may have arrived, as an 'unknown'
-- one may. `chat` is the one whose pace it counts for, without a topic; `tried_at` is when it was over, as soon as that is known.
CREATE TABLE messages (
    id INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL REFERENCES sources,
    chat TEXT NOT NULL CHECK (chat <> ''),
    state TEXT NOT NULL DEFAULT 'sending' CHECK (state IN ('sending', 'sent', 'unknown', 'failed')),
    tried_at INTEGER NOT NULL,
    telegram_id INTEGER,
    CHECK ((state = 'sent') = (telegram_id IS NOT NULL))
) STRICT;

CREATE INDEX messages_by_chat ON messages (chat, tried_at);
CREATE INDEX messages_by_age ON messages (source_id, tried_at);
CREATE INDEX messages_sending ON messages (source_id) WHERE state = 'sending';

-- One thing to be told to one chat, as it was known at `since`. `tries` counts the messages with it that may have arrived; a told one
-- did, or there were as many as there may be. `sent_cents` is the net profit in the last of them. `body` is made by whoever composes.
CREATE TABLE alerts (
    id INTEGER PRIMARY KEY,
    source_id INTEGER NOT NULL REFERENCES sources,
    chat TEXT NOT NULL CHECK (chat <> ''),
    kind TEXT NOT NULL CHECK (kind IN ('new', 'better', 'gone', 'well', 'key refused', 'API changed', 'failing')),
    episode INTEGER REFERENCES episodes ON DELETE CASCADE,
    net_profit_cents INTEGER,
    sent_cents INTEGER,
    body TEXT NOT NULL,
    since INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'told', 'dropped')),
    tries INTEGER NOT NULL DEFAULT 0 CHECK (tries BETWEEN 0 AND 2),
    message INTEGER REFERENCES messages ON DELETE SET NULL,
    CHECK ((episode IS NULL) = (kind IN ('well', 'key refused', 'API changed', 'failing'))),
    CHECK ((net_profit_cents IS NULL) = (kind NOT IN ('new', 'better')))
) STRICT;

-- Of an episode one find waits for a chat, and one end of it.
CREATE UNIQUE INDEX alerts_due ON alerts (source_id, chat, episode, kind = 'gone') WHERE state = 'due';
CREATE INDEX alerts_by_episode ON alerts (episode, chat) WHERE episode IS NOT NULL;
CREATE INDEX alerts_of_health ON alerts (source_id, chat) WHERE episode IS NULL;
CREATE INDEX alerts_by_message ON alerts (message) WHERE message IS NOT NULL;
CREATE INDEX alerts_by_age ON alerts (source_id, since);

-- The last scan is the one stored last, whatever the clock said then.
CREATE INDEX scans_ended ON scans (source_id) WHERE finished_at IS NOT NULL;
DROP INDEX scans_by_request;
CREATE INDEX scans_by_request ON scans (source_id, length(request)) WHERE status IN ('finished', 'cut');
