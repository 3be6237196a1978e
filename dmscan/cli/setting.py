"""Every setting that a file may hold: what it takes, and the parser of its option. One table for all who read, check or show settings."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum, auto
from typing import Any

from dmscan.cli.help import FORMATS, LOG_FORMATS
from dmscan.cli.options import at_least, choice, parse, parse_duration, parse_number, parse_quiet_hours, within
from dmscan.cli.request import LEAST
from dmscan.config_file import ConfigFile, Said, pair
from dmscan.core.alerts import MOST_SHOWN
from dmscan.core.games import parse_game
from dmscan.core.models import Entry, Exit, FeeAt
from dmscan.core.money import parse_dollars, parse_fee, parse_share
from dmscan.core.rules import LEVELS
from dmscan.errors import DmscanError, SettingsError, UsageError
from dmscan.places import in_home
from dmscan.settings import MOST_CONNECTIONS, Secret, check_base_url, check_chats, check_ping_url, check_token

Check = Callable[[str, str], object]
"""Takes the name to complain of and the text; raises UsageError or SettingsError."""


class Kind(Enum):
    """What the value is in TOML; a number is welcome wherever text is."""

    TEXT = auto()
    PATH = auto()
    WHOLE = auto()
    FLAG = auto()
    LIST = auto()


TYPES = {Kind.TEXT: str | int, Kind.PATH: str, Kind.WHOLE: int, Kind.FLAG: bool, Kind.LIST: str | int}
WANTED = {
    Kind.TEXT: "must be text or a number",
    Kind.PATH: "must be the path of a file",
    Kind.WHOLE: "must be a whole number",
    Kind.FLAG: "must be true or false",
    Kind.LIST: 'must be text or a list of texts such as ["a", "b"]',
}
FLAGS = {"1": True, "true": True, "yes": True, "on": True, "y": True, "t": True}
FLAGS |= {"0": False, "false": False, "no": False, "off": False, "n": False, "f": False}


@dataclass(frozen=True, slots=True)
class Setting:
    """`example` is shown where there is no default; what is `secret` is never shown."""

    check: Check
    kind: Kind = Kind.TEXT
    example: Any = None
    secret: bool = False


def _parsed(parser: Callable[[str], object]) -> Check:
    return lambda name, text: parse(name, text, parser)


def _one_of(choices: Iterable[str]) -> Check:
    return lambda name, text: choice(name, text, choices)


def _whole(least: int, most: int | None = None) -> Check:
    def check(name: str, text: str) -> None:
        try:
            value = int(text)
        except ValueError as error:
            raise UsageError(f"{name} must be a whole number, not {text!r}.") from error
        if most is None:
            at_least(name, value, least)
        else:
            within(name, value, least, most)

    return check


def _flag(name: str, text: str) -> None:
    if text.strip().lower() not in FLAGS:
        raise UsageError(f"{name} must be true or false, not {text!r}.")


def _filled(name: str, text: str) -> None:
    if not text.strip():
        raise UsageError(f"{name} is empty.")


def _secret(check: Check, example: str) -> Setting:
    return Setting(check, example=example, secret=True)


def _file(example: str) -> Setting:
    return Setting(_filled, Kind.PATH, f"~/.config/dmscan/{example}")


dollars, share, fee = _parsed(parse_dollars), _parsed(parse_share), _parsed(parse_fee)
number, duration = _parsed(parse_number), _parsed(parse_duration)

SETTINGS: Mapping[str, Setting] = {
    "game": Setting(_parsed(parse_game), Kind.LIST, ["cs2", "rust"]),
    "entry": Setting(_one_of((*Entry, "any"))),
    "exit": Setting(_one_of((*Exit, "any"))),
    "level": Setting(_one_of(LEVELS), Kind.LIST, ["standard", "medium"]),
    "min_price": Setting(dollars, example="0.50"),
    "max_price": Setting(dollars, example="100"),
    "min_roi": Setting(share, example="3%"),
    "min_profit": Setting(dollars),
    "max_lock_days": Setting(_whole(LEAST["max_lock_days"]), Kind.WHOLE, 7),
    "min_sales": Setting(_whole(LEAST["min_sales"]), Kind.WHOLE),
    "max_units": Setting(_whole(LEAST["max_units"]), Kind.WHOLE),
    "max_days_to_sell": Setting(number),
    "max_days_to_fill": Setting(number),
    "fee": Setting(fee, example="5%"),
    "fee_at": Setting(_one_of(FeeAt)),
    "cashout_fee": Setting(fee),
    "every": Setting(duration),
    "rate": Setting(number, example="2"),
    "deadline": Setting(duration),
    "max_requests": Setting(_whole(LEAST["max_requests"]), Kind.WHOLE, 1000),
    "connections": Setting(_whole(1, MOST_CONNECTIONS), Kind.WHOLE),
    "http2": Setting(_flag, Kind.FLAG),
    "max_age": Setting(duration),
    "recheck": Setting(duration),
    "full_sweep_every": Setting(duration),
    "format": Setting(_one_of(FORMATS), example="json"),
    "log_format": Setting(_one_of(LOG_FORMATS)),
    "metrics_file": Setting(_filled, Kind.PATH, "~/dmscan.prom"),
    "metrics_port": Setting(_whole(0, 65_535), Kind.WHOLE, 9464),
    "db": Setting(_filled, Kind.PATH, "~/dmscan.db"),
    "notify": Setting(_flag, Kind.FLAG),
    "realert": Setting(share),
    "notify_gone": Setting(_flag, Kind.FLAG),
    "notify_top": Setting(_whole(1, MOST_SHOWN), Kind.WHOLE),
    "quiet_hours": Setting(_parsed(parse_quiet_hours), example="23:00-07:00"),
    "jitter": Setting(duration),
    "api_url": Setting(check_base_url, example="https://api.dmarket.com"),
    "public_key": _secret(_filled, "0123456789abcdef…"),
    "public_key_file": _file("public-key"),
    "secret_key": _secret(_filled, "0123456789abcdef…"),
    "secret_key_file": _file("secret-key"),
    "telegram_token": _secret(check_token, "123456789:ABCdef"),
    "telegram_token_file": _file("telegram-token"),
    "telegram_chat": Setting(check_chats, Kind.LIST, [123456789, "@my_channel"]),
    "telegram_url": Setting(check_base_url, example="https://api.telegram.org"),
    "ping_url": _secret(check_ping_url, "https://hc-ping.com/…"),
    "ping_url_file": _file("ping-url"),
}
"""By key: the name in the environment without DMSCAN_ or DMARKET_, in lower case."""


def checked(file: ConfigFile) -> ConfigFile:
    """The file with each value as its option takes it, and its secrets hidden. Raises SettingsError that begins with `file:line`."""
    said = {key: Said(_value(file, key, one), one.line) for key, one in _named(file).items()}
    for key, one in said.items():
        plain, other = pair(key)
        if key == other and plain in said:
            raise SettingsError(f"{file.at(one.line)}: {plain} and {other} are both set: keep one of them.")
        if SETTINGS[key].secret and not file.private:
            raise SettingsError(f"{file.at(one.line)}: {key} is for you alone, but others can read the file: run chmod 600 {file.path}.")
    return replace(file, entries=said)


def _named(file: ConfigFile) -> dict[str, Said]:
    """What is said by the table's keys: a dash in a key is accepted as well."""
    named: dict[str, Said] = {}
    for name, one in file.entries.items():
        key = name.replace("-", "_")
        if key not in SETTINGS:
            raise SettingsError(f"{file.at(one.line)}: {_unknown(name, section=isinstance(one.value, dict))}")
        if key in named:
            raise SettingsError(f"{file.at(one.line)}: {key} is set twice: keep one of them.")
        named[key] = one
    return named


def _unknown(name: str, *, section: bool) -> str:
    if section:
        return f"{name!r} would be a section, and there are none: write lines of key = value only."
    near = difflib.get_close_matches(name.replace("-", "_"), SETTINGS, n=1)
    return f"{name!r} is no setting" + (f", did you mean {near[0]}?" if near else ": dmscan config init writes a file with all of them.")


def _value(file: ConfigFile, key: str, said: Said) -> Any:
    """As its option takes it; a complaint names its place."""
    setting = SETTINGS[key]
    try:
        texts = _texts(key, setting.kind, said.value)
        for text in texts:
            setting.check(key, text)
    except DmscanError as error:
        raise SettingsError(f"{file.at(said.line)}: {error}") from error
    if setting.kind is Kind.LIST:
        return texts
    if setting.kind in {Kind.FLAG, Kind.WHOLE}:
        return said.value
    return Secret(texts[0]) if setting.secret else texts[0]


def _texts(key: str, kind: Kind, value: Any) -> list[str]:
    """What a command line would be given. Raises SettingsError for another type; a value is never repeated."""
    parts = value if kind is Kind.LIST and isinstance(value, list) else [value]
    if not all(isinstance(part, TYPES[kind]) and isinstance(part, bool) is (kind is Kind.FLAG) for part in parts):
        raise SettingsError(f"{key} {WANTED[kind]}.")
    texts = value.split() if kind is Kind.LIST and isinstance(value, str) else [str(part) for part in parts]
    if not all(map(str.isprintable, texts)):
        raise SettingsError(f"{key} holds a line break or another character that cannot be printed.")
    if kind is Kind.PATH and not value.startswith(("/", "~")):
        raise SettingsError(f"{key} must be a whole path or begin with ~, because it holds in every folder.")
    if kind is Kind.PATH:
        return [str(in_home(key, value))]
    return texts
