"""`python -m dmscan`."""

from dmscan.cli.app import run

run()
