"""Settings: a file to fill in, and what holds with where each comes from, on a screen and as JSON."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import groupby
from typing import Any

import msgspec
from msgspec import Struct
from rich.text import Text

from dmscan import __version__
from dmscan.render.contract import DIALECT
from dmscan.render.explanation import grid
from dmscan.render.table import Page
from dmscan.render.text import plural, visible

SCHEMA = "dmscan.config/1"
WIDEST = 110
HEAD = """\
Settings of dmscan. Flags and the environment (DMSCAN_MIN_ROI for min_roi) go before what stands here.
Take the # away before what you want to set. The file may hold secrets, so keep it to yourself (chmod 600).
dmscan config show tells what holds, and where it comes from."""


class Origin(StrEnum):
    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


class Setting(Struct, frozen=True):
    """A setting that holds, as text. `where` is its variable or its file and line, null at its default; a secret's value is `***`."""

    key: str
    value: str | list[str] | None
    origin: Origin
    where: str | None
    default: str | None
    secret: bool


class Settings(Struct, frozen=True, tag_field="type", tag="config"):
    """What `dmscan config show` tells. `file` is where the settings file is looked for, null without a home folder."""

    schema: str
    dmscan_version: str
    file: str | None
    exists: bool
    settings: list[Setting]


class Offered(Struct, frozen=True):
    """A setting that a file may hold. `value` is its default, or an example where there is none."""

    key: str
    panel: str
    help: str
    default: str | None
    value: Any


def told(file: str | None, *, exists: bool, settings: Iterable[Setting]) -> Settings:
    return Settings(SCHEMA, __version__, file and visible(file), exists, list(settings))


def as_json(settings: Settings) -> str:
    return json.dumps(msgspec.to_builtins(settings), ensure_ascii=True) + "\n"


def schema_json() -> str:
    """What `dmscan schema config` prints."""
    (shape,), parts = msgspec.json.schema_components([Settings], ref_template="#/$defs/{name}")
    return json.dumps({"$schema": DIALECT, "$id": SCHEMA, "title": "dmscan config", **shape, "$defs": parts}, indent=2) + "\n"


def as_table(settings: Settings, left_out: int, width: int, color: bool) -> str:
    """The screen, at most `width` cells wide (20 at least); `left_out` are at their default."""
    page = Page(width, color)
    page.line(Text(_looked_for(settings), "dim"))
    if settings.settings:
        grid(page, [("setting", "value", "from"), *map(_row, settings.settings)])
    if left_out:
        page.line(Text(f"{plural(left_out, 'setting')} at the default (--all shows them)", "dim"))
    return page.text()


def as_toml(offered: Iterable[Offered]) -> str:
    """A file with every setting, each commented out."""
    blocks = [_comment(HEAD)]
    for panel, group in groupby(offered, lambda one: one.panel):
        blocks += [_comment(f"{panel}:"), *map(_block, group)]
    return "\n\n".join(blocks) + "\n"


def _looked_for(settings: Settings) -> str:
    if settings.file is None:
        return "no settings file is looked for, because there is no home folder"
    return settings.file if settings.exists else f"{settings.file} does not exist: dmscan config init writes it"


def _row(setting: Setting) -> tuple[str, str, str]:
    value = ", ".join(setting.value) if isinstance(setting.value, list) else setting.value
    return setting.key, visible(value or "-"), visible(setting.where or setting.origin)


def _block(one: Offered) -> str:
    default = f" Default: {one.default}." if one.default else ""
    return f"{_comment(f'{one.help}{default}')}\n#{one.key} = {_toml(one.value)}"


def _comment(text: str) -> str:
    lines = (part for line in text.splitlines() for part in textwrap.wrap(line, WIDEST, break_long_words=False, break_on_hyphens=False))
    return "\n".join(f"# {line}" for line in lines)


def _toml(value: str | int | Sequence[str | int]) -> str:
    """The few values there are look the same in JSON."""
    return json.dumps(value, ensure_ascii=False)
