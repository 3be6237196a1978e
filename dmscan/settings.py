"""Where the market is, whose key is used and where history lies: the environment as one frozen record (design chapter 7)."""

from __future__ import annotations

import ipaddress
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from dmscan.errors import SettingsError
from dmscan.places import data_folder, in_home, read_text, state_folder

API_URL = "https://api.dmarket.com"
CONNECTIONS, MOST_CONNECTIONS = 20, 100
TELEGRAM_URL = "https://api.telegram.org"
_KEY_NAMES = ("DMARKET_PUBLIC_KEY", "DMARKET_SECRET_KEY")
_TOKEN = re.compile(r"[0-9]+:[A-Za-z0-9_-]+", re.ASCII)
_CHAT = re.compile(r"(?:-?[0-9]{1,18}|@[A-Za-z][A-Za-z0-9_]{3,31})(?:/[0-9]{1,9})?", re.ASCII)


class Secret:
    """A text that shows itself only when asked: it prints as `***` wherever it strays."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret is not pickled")


@dataclass(frozen=True, slots=True)
class Telegram:
    """Whose bot sends, to which chats (numbers, or names such as `@deals`), through which server."""

    token: Secret
    chats: tuple[str, ...]
    url: str = TELEGRAM_URL

    @property
    def is_local(self) -> bool:
        return _is_loopback(urlsplit(self.url).hostname or "")


@dataclass(frozen=True, slots=True)
class Settings:
    """`keys` is the pair (public, secret), `None` without one; `database` is the history file.

    `telegram` is `None` without a token; `ping_url` is told how scans begin and end, and as secret as a token.

    `state` is the folder that all processes of the user share, `None` for a market that nobody else asks.
    At most `connections` requests are under way at a time; `http2` asks for that protocol.
    """

    api_url: str
    keys: tuple[str, Secret] | None
    database: Path
    state: Path | None = None
    connections: int = CONNECTIONS
    http2: bool = False
    telegram: Telegram | None = None
    ping_url: Secret | None = None

    @property
    def keys_may_be_sent(self) -> bool:
        """Keys go only to the service itself and to loopback."""
        host = urlsplit(self.api_url).hostname or ""
        return self.api_url == API_URL or _is_loopback(host)


def load(environ: Mapping[str, str], database: str | None = None) -> Settings:
    """The settings of `environ`; `database` is the `--db` option. Raises SettingsError naming the setting."""
    url = check_url(environ.get("DMSCAN_API_URL", "") or API_URL)
    kept = history_file(database, "history.db")
    ping = _value(environ, "DMSCAN_PING_URL")
    return Settings(
        url,
        _keys(environ),
        kept,
        state_folder() or kept.parent,
        telegram=telegram(environ),
        ping_url=Secret(check_ping_url("DMSCAN_PING_URL", ping)) if ping else None,
    )


def telegram(environ: Mapping[str, str]) -> Telegram | None:
    """Raises SettingsError."""
    token = _value(environ, "DMSCAN_TELEGRAM_TOKEN")
    if not token:
        return None
    url = check_base_url("DMSCAN_TELEGRAM_URL", environ.get("DMSCAN_TELEGRAM_URL", "") or TELEGRAM_URL)
    chats = check_chats("DMSCAN_TELEGRAM_CHAT", environ.get("DMSCAN_TELEGRAM_CHAT", ""))
    return Telegram(Secret(check_token("DMSCAN_TELEGRAM_TOKEN", token)), chats, url)


def history_file(chosen: str | None, name: str) -> Path:
    """The database chosen, else `name` in the platform's data folder. Raises SettingsError if there is no such folder."""
    if chosen:
        return in_home("--db", chosen)
    folder = data_folder()
    if folder is None:
        raise SettingsError("There is no home folder for the history: name its file with --db or DMSCAN_DB.")
    return folder / name


def check_url(text: str) -> str:
    """The market's base URL. Raises SettingsError."""
    return check_base_url("DMSCAN_API_URL", text)


def check_base_url(name: str, text: str) -> str:
    """https, or http on loopback; no user, no path, no address that is no name. Raises SettingsError."""
    parts = _parts(name, text.rstrip("/"))
    host = parts.hostname or ""
    if parts.username or parts.password or parts.query or parts.fragment or parts.path or not host:
        raise SettingsError(f"{name} must be a bare base URL such as https://api.dmarket.com.")
    _check_scheme(name, parts)
    if _is_address(host) and not _is_loopback(host):
        raise SettingsError(f"{name} must name a host, not an address.")
    return text.rstrip("/")


def check_ping_url(name: str, text: str) -> str:
    """https, or http on loopback. Raises SettingsError; the URL is a secret, so it is not repeated."""
    parts = _parts(name, text)
    _check_scheme(name, parts)
    if not parts.hostname or parts.username:
        raise SettingsError(f"{name} must be a URL such as https://hc-ping.com/…, without a user.")
    return text


def check_token(name: str, text: str) -> str:
    """Raises SettingsError, without the token."""
    if not _TOKEN.fullmatch(text):
        raise SettingsError(f"{name} must be digits, a colon and letters, as @BotFather gave it.")
    return text


def check_chats(name: str, text: str) -> tuple[str, ...]:
    """Chats with blanks or commas between, each a number or @name, with a topic of a forum behind a stroke. Raises SettingsError."""
    chats = tuple(dict.fromkeys(text.replace(",", " ").split()))
    for chat in chats:
        if not _CHAT.fullmatch(chat):
            raise SettingsError(f"{name}: {chat!r} is no chat: give its number or @name (dmscan notify chats finds it).")
    return chats


def _parts(name: str, text: str) -> SplitResult:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError as error:
        raise SettingsError(f"{name} is not a URL.") from error
    if not text.isprintable() or " " in text:
        raise SettingsError(f"{name} holds a blank or what is no character of a URL.")
    return parts


def _check_scheme(name: str, parts: SplitResult) -> None:
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        raise SettingsError(f"{name} must begin with https:// (http:// only on loopback).")


def _keys(environ: Mapping[str, str]) -> tuple[str, Secret] | None:
    public, secret = (_value(environ, name) for name in _KEY_NAMES)
    if public and secret:
        return public, Secret(secret)
    if public or secret:
        set_, missing = _KEY_NAMES if public else reversed(_KEY_NAMES)
        raise SettingsError(f"{set_} is set but {missing} is not: set both, or neither for a scan without a key.")
    return None


def _value(environ: Mapping[str, str], name: str) -> str:
    path = environ.get(f"{name}_FILE")
    return (_private_text(path, f"{name}_FILE") if path else environ.get(name, "")).strip()


def _private_text(path: str, name: str) -> str:
    """A secret's file must be closed to others."""
    file = in_home(name, path)
    text, found = read_text(file, f"{name} names")
    if stat.S_IMODE(found.st_mode) & 0o077:
        raise SettingsError(f"{name} names {file}, which others can read: run chmod 600 {file}.")
    return text


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)
