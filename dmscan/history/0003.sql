-- Since when the best bid is what it is, null before it was first seen to move, and the share of looks, in thousandths and the last
-- ones counting most, that found it moved. The columns of fills speak of the last answer about `Target` rows, as those of sales do.
ALTER TABLE titles ADD COLUMN bid_since INTEGER;
ALTER TABLE titles ADD COLUMN bid_moves INTEGER NOT NULL DEFAULT 0 CHECK (bid_moves BETWEEN 0 AND 1000);
ALTER TABLE titles ADD COLUMN fills_asked_at INTEGER;
ALTER TABLE titles ADD COLUMN fills_oldest_at INTEGER;

-- When a title had its last verdict, and why it was refused as long as its quote stays what it was: a question and its reasons as JSON.
ALTER TABLE titles ADD COLUMN looked_at INTEGER;
ALTER TABLE titles ADD COLUMN refusals TEXT;

-- The hold days of an opportunity are '' if nothing tells them: on the quote alone.
