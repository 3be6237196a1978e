"""Where the market is, whose key is used and where history lies: the environment as one frozen record (design chapter 7)."""

from __future__ import annotations

import ipaddress
import os
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from platformdirs import user_data_path, user_state_path

from dmscan.errors import SettingsError

API_URL = "https://api.dmarket.com"
CONNECTIONS, MOST_CONNECTIONS = 20, 100
TELEGRAM_URL = "https://api.telegram.org"
_KEY_NAMES = ("DMARKET_PUBLIC_KEY", "DMARKET_SECRET_KEY")


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
    ping = _value(environ, "DMSCAN_PING_URL")
    return Settings(
        url,
        _keys(environ),
        history_file(database, "history.db"),
        user_state_path("dmscan"),
        telegram=telegram(environ),
        ping_url=Secret(ping) if ping else None,
    )


def telegram(environ: Mapping[str, str]) -> Telegram | None:
    """Raises SettingsError."""
    token = _value(environ, "DMSCAN_TELEGRAM_TOKEN")
    if not token:
        return None
    chats = tuple(dict.fromkeys(chat for chat in environ.get("DMSCAN_TELEGRAM_CHAT", "").replace(",", " ").split()))
    url = _base_url("DMSCAN_TELEGRAM_URL", environ.get("DMSCAN_TELEGRAM_URL", "") or TELEGRAM_URL)
    return Telegram(Secret(token), chats, url)


def history_file(chosen: str | None, name: str) -> Path:
    """The database chosen, else `name` in the platform's data folder."""
    if chosen:
        return Path(chosen).expanduser()
    return user_data_path("dmscan") / name


def check_url(text: str) -> str:
    """The market's base URL. Raises SettingsError."""
    return _base_url("DMSCAN_API_URL", text)


def _base_url(name: str, text: str) -> str:
    """https, or http on loopback; no user, no path, no address that is no name. Raises SettingsError."""
    parts = urlsplit(text.rstrip("/"))
    host = parts.hostname or ""
    if parts.username or parts.password or parts.query or parts.fragment or parts.path or not host:
        raise SettingsError(f"{name} must be a bare base URL such as https://api.dmarket.com.")
    if parts.scheme != "https" and not (parts.scheme == "http" and _is_loopback(host)):
        raise SettingsError(f"{name} must begin with https:// (http:// only on loopback).")
    if _is_address(host) and not _is_loopback(host):
        raise SettingsError(f"{name} must name a host, not an address.")
    return text.rstrip("/")


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
    return (_private_text(Path(path), f"{name}_FILE") if path else environ.get(name, "")).strip()


def _private_text(path: Path, name: str) -> str:
    """A secret's file must be the user's own and closed to others."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC), encoding="utf-8") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise SettingsError(f"{name} names {path}, which is not a file.")
            if stat.S_IMODE(mode) & 0o077:
                raise SettingsError(f"{name} names {path}, which others can read: run chmod 600 {path}.")
            return file.read(4096)
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name} names {path}, which cannot be read: {getattr(error, 'strerror', 'it is not text')}.") from error


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)
