"""The figures to reach, measured on the sandbox market: `python -m benchmarks`."""
