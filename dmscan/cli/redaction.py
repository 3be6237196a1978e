"""Blots secrets out of what is logged: by their value and in every form they may take, not by the names of fields."""

from __future__ import annotations

import json
import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from urllib.parse import quote, quote_plus

BLOT = "***"
PIECE = 12
"""So many characters in a row of any form of a secret are taken for it: a text that was cut short still gives it away."""
SHORTEST = 6
"""Anything shorter is found in innocent words."""

_TOKEN = re.compile(r"bot\d+:[A-Za-z0-9_-]+")
_RUN = re.compile(rf"[A-Za-z0-9_+/=%.:~?&-]{{{PIECE},}}")


class Redaction:
    """Called with a text, gives it back without the secrets it knows and without the token in a Telegram address."""

    def __init__(self) -> None:
        self._forms: tuple[str, ...] = ()
        self._pieces: frozenset[str] = frozenset()

    def hide(self, secrets: Iterable[str]) -> None:
        """From now on these are blotted out too; of an address what stands after its host, and the address as a whole."""
        forms, pieces = set(self._forms), set(self._pieces)
        for secret in secrets:
            if len(secret) >= SHORTEST:
                forms |= set(_forms(secret))
                pieces |= {piece for form in _forms(_telling(secret)) for piece in _pieces(form)}
        self._forms, self._pieces = tuple(sorted(forms, key=len, reverse=True)), frozenset(pieces)

    def __call__(self, text: str) -> str:
        text = _TOKEN.sub(f"bot{BLOT}", text)
        for form in self._forms:
            if form in text:
                text = text.replace(form, BLOT)
        return _RUN.sub(self._judged, text) if self._pieces else text

    def _judged(self, run: re.Match[str]) -> str:
        return run[0] if self._pieces.isdisjoint(_pieces(run[0])) else BLOT


def _telling(secret: str) -> str:
    """Whom an address names is told in messages; the rest of it is the secret."""
    rest = re.split(r"[/?#]", secret.partition("://")[2], maxsplit=1)
    return secret[secret.index("://") + 3 + len(rest[0]) :] if rest[0] and "@" not in rest[0] else secret


def _pieces(text: str) -> Iterator[str]:
    return (text[start : start + PIECE] for start in range(len(text) - PIECE + 1))


def _forms(secret: str) -> Iterator[str]:
    """As it is, percent-encoded, in JSON, in hex and in base64; of a secret that is hex also its bytes in base64."""
    data = secret.encode("utf-8", "surrogatepass")
    yield from (secret, secret.lower(), secret.upper(), json.dumps(secret)[1:-1])
    yield from (quote(data, safe=""), quote_plus(data, safe=""), quote(data, safe="").lower())
    yield from (data.hex(), data.hex().upper())
    yield from _base64(data)
    if re.fullmatch(r"(?:[0-9a-fA-F]{2})+", secret):
        yield from _base64(bytes.fromhex(secret))


def _base64(data: bytes) -> Iterator[str]:
    """What is sure to appear wherever the data starts in what is encoded; the characters at its ends depend on its neighbours."""
    for before in range(3):
        first, last = -(-8 * before // 6), 8 * (before + len(data)) // 6
        for encode in (b64encode, urlsafe_b64encode):
            piece = encode(bytes(before) + data).decode()[first:last]
            if len(piece) >= SHORTEST:
                yield piece
