"""The history database: what scans found and refused, kept in SQLite. Nothing else in dmscan speaks SQL."""
