"""The decisions of dmscan: pure functions over frozen records. No await, no I/O, no clock, no randomness."""
