"""`dmscan scan --plan`: what the scan would cost, from the history alone; nothing is sent, stored or locked."""

from __future__ import annotations

from dmscan.cli.output import say
from dmscan.cli.task import Task
from dmscan.clock import Clock
from dmscan.core.fees import DAY
from dmscan.core.models import Game
from dmscan.core.plan import Plan, plan
from dmscan.core.prospects import Circumstances, Remembered
from dmscan.errors import ExitCode, HistoryError, HistoryTooNew
from dmscan.history.reader import Reader, reading
from dmscan.render import forecast
from dmscan.render import plan as rendered
from dmscan.wiring import expected_speed, signer


def show_plan(task: Task) -> ExitCode:
    """Prints the plan of the task. Raises HistoryTooNew, OutputError and ReaderGone, as the scan would."""
    prefix = "[sandbox] " if task.sandbox else "dmscan: "
    for note in () if task.quiet else task.notes:
        say(f"{prefix}{note}")
    planned = _planned(task, Clock(), prefix)
    if task.form.name != "none":
        task.form.write(_text(task, planned))
    return ExitCode.OK


def _planned(task: Task, clock: Clock, prefix: str) -> Plan:
    """A history that cannot be read is told, and the plan is that of a first scan."""
    try:
        with reading(task.settings.database, task.source) as reader:
            return _plan(task, clock, reader)
    except HistoryError as error:
        if isinstance(error, HistoryTooNew) and task.store:
            raise
        say(f"{prefix}{error}")
        return _plan(task, clock, None)


def _plan(task: Task, clock: Clock, reader: Reader | None) -> Plan:
    request, now = task.request, clock.seconds()
    speed, slow = expected_speed(task.settings, request.rate if request.rate_set else None, clock)
    circumstances = Circumstances(
        now=now,
        signed=task.sandbox or signer(task.settings) is not None,
        recalls=task.store and not request.fresh,
        speed=speed,
        slow=slow,
        open_titles=reader.open_titles(now - DAY) if reader else frozenset(),
    )
    return plan(request, [_remembered(reader, game, now) for game in request.games], circumstances)


def _remembered(reader: Reader | None, game: Game, now: int) -> Remembered:
    if reader is None:
        return Remembered(game)
    return Remembered(game, reader.known(game), reader.sweep_state(game), reader.fees(game), reader.fee_attempted(game, now // DAY))


def _text(task: Task, planned: Plan) -> str:
    match task.form.name:
        case "table":
            return forecast.as_table(planned, task.source, task.form.width)
        case "csv":
            return rendered.as_csv(planned)
        case "markdown":
            return rendered.as_markdown(planned)
        case _:
            return rendered.as_json(planned, task.source)
