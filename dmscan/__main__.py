"""`dmscan`, and `python -m dmscan`: a Ctrl-C while the program loads ends it without a word."""

import gc
import signal


def run() -> None:
    """The console script. Nothing that loads is garbage, so none is looked for until a scan runs (`cli/app.py`)."""
    gc.disable()
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interruptible:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from dmscan.cli.app import run as loaded  # noqa: PLC0415 - that is what takes the time

    if interruptible:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    loaded()


if __name__ == "__main__":
    run()
