"""`dmscan`, and `python -m dmscan`: a Ctrl-C while the program loads ends it without a word."""

import signal

from dmscan.cli.garbage import look_seldom


def run() -> None:
    """The console script."""
    look_seldom()
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interruptible:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from dmscan.cli.app import run as loaded  # noqa: PLC0415 - that is what takes the time

    if interruptible:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    loaded()


if __name__ == "__main__":
    run()
