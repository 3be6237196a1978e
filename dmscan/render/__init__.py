"""What a scan found, as text: a table, JSON, NDJSON, CSV or markdown. Returns text, prints nothing."""
