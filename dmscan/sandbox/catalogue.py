"""Steam-like titles of every game, without end and without repetition."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from math import prod
from random import Random

WEARS = ("Factory New", "Minimal Wear", "Field-Tested", "Well-Worn", "Battle-Scarred")
STEP = 1_000_003  # prime, larger than any word list: steps through a deck's combinations without repetition

_WORDS = tomllib.loads(files("dmscan.sandbox").joinpath("titles.toml").read_text("utf-8"))
_FIRST, _SECOND, _GUNS, _KNIVES, _TEAMS, _CITIES, _HEROES, _PARTS, _HATS, _RUST = (
    tuple(_WORDS[name].split(";")) for name in ("first", "second", "guns", "knives", "teams", "cities", "heroes", "parts", "hats", "rust")
)
DEALING = {game: tuple(decks.split()) for game, decks in _WORDS["dealing"].items()}
_EVENTS = tuple(f"{city} {year}" for city in _CITIES for year in range(2014, 2027))
_QUALITIES = ("", "Inscribed ", "Genuine ", "Autographed ", "Exalted ", "Corrupted ", "Frozen ", "Infused ")
_TF2 = ("", "Strange ", "Genuine ", "Vintage ", "Haunted ", "Unusual ", "Strange Professional Killstreak ", "Specialized Killstreak ")
_FINISH = (_FIRST, _SECOND)


@dataclass(frozen=True, slots=True)
class Deck:
    """All combinations of some word lists in one pattern."""

    pattern: str
    words: tuple[tuple[str, ...], ...]

    def dealt(self, start: int) -> Iterator[str]:
        """Each title once, in an order in which neighbours have little in common."""
        size = prod(map(len, self.words))
        return (self._title((start + number * STEP) % size) for number in range(size))

    def _title(self, number: int) -> str:
        chosen = []
        for words in self.words:
            number, place = divmod(number, len(words))
            chosen.append(words[place])
        return self.pattern.format(*chosen)


DECKS = {
    "gun": Deck("{} | {} {} ({})", (_GUNS, *_FINISH, WEARS)),
    "stattrak": Deck("StatTrak™ {} | {} {} ({})", (_GUNS, *_FINISH, WEARS)),
    "souvenir": Deck("Souvenir {} | {} {} ({})", (_GUNS, *_FINISH, WEARS)),
    "knife": Deck("★ {}{} | {} {} ({})", (("", "StatTrak™ "), _KNIVES, *_FINISH, WEARS)),
    "doppler": Deck("★ {}{} | {} ({})", (("", "StatTrak™ "), _KNIVES, ("Doppler", "Gamma Doppler"), WEARS[:2])),
    "sticker": Deck("Sticker | {}{} | {}", (_TEAMS, ("", " (Holo)", " (Foil)", " (Gold)", " (Glitter)"), _EVENTS)),
    "plain": Deck("Sticker | {} {} {}", (*_FINISH, ("(Holo)", "(Foil)", "(Lenticular)"))),
    "dota2": Deck("{}{} {} {} of {}", (_QUALITIES, *_FINISH, _PARTS, _HEROES)),
    "tf2": Deck("{}{} {} {}", (_TF2, *_FINISH, _HATS)),
    "paint": Deck("{}{} {} {} ({})", (_TF2, *_FINISH, _HATS, WEARS)),
    "rust": Deck("{} {} {}", (*_FINISH, _RUST)),
    "crate": Deck("{} {} Crate {}", (*_FINISH, tuple(map(str, range(1, 41))))),
}

SPECIAL_EVERY = 7
SPECIALS = {
    "cs2": (
        "AK-47 | Redline (Field-Tested)",
        "AK-47 | Redline",
        "AK-47 | Redline (Field-Tested) ",
        "ak-47 | redline (field-tested)",
        "AK-47 | Redline (Field-Tested) | Sticker",
        "★ Karambit | Doppler (Factory New)",
        "★ Karambit | Doppler",
        "StatTrak™ AK-47 | Redline (Field-Tested)",
        "Glock-18 | Gamma Doppler (Minimal Wear)",
        "Sticker | [/x] [red]100%[/red]",
        "Sticker | <b>Bold</b> & <script>alert(1)</script>",
        "Sticker | \x1b[31mred\x1b[0m\x1b]0;title\x07",
        "Sticker | \u202egnp.exe",
        '=HYPERLINK("https://example.invalid";"click")',
        "Sticker | 🔥 Hot, \"quoted\" 'twice' | pipe",
        "Sticker | line\nbreak\ttab",
        "+1 / 2 ? a=b&c=d # ; %41",
        "@SUM(A1:A9)",
        "Sticker | " + "long " * 98,
        "Sticker | " + "longer " * 80,
        "Sticker | NUL \x00 inside",
        "名前 | 日本語 (Field-Tested)",
        "Sticker | \u200bzero\u2066width\u2069",
        "M4A4 | 龍王 (Dragon King) (Factory New)",
    ),
    "dota2": ("Blade of Axe", "Blade of Axe ", "Inscribed [b]Blade[/b]", "-Blade", "Inscribed NUL \x00"),
    "tf2": ("Mann Co. Supply Crate Key", "Mann Co. Supply Crate", "Strange \x1b[2JKnife", "Unusual 💀 Cap"),
    "rust": ("Door", "Doors", "Door,\r\nwith break", "Rust " + "x" * 520),
}
"""Prefixes and near twins of other titles, hostile text, and two that are no valid title (over 512 characters, NUL)."""


def titles(game: str, seed: int) -> Iterator[str]:
    """The titles of a game in catalogue order, each once; the n-th depends on game and seed alone."""
    specials = iter(SPECIALS[game])
    taken = set(SPECIALS[game])
    for number, title in enumerate(_dealt(game, seed)):
        if number % SPECIAL_EVERY == SPECIAL_EVERY // 2 and (special := next(specials, "")):
            yield special
        if title not in taken:
            yield title


def _dealt(game: str, seed: int) -> Iterator[str]:
    start = Random(f"{seed}/{game}/titles").randrange(STEP)
    names = dict.fromkeys(DEALING[game])
    decks = {name: DECKS[name].dealt(start) for name in names}
    first = decks[next(iter(names))]
    while True:
        for name in DEALING[game]:
            title = next(decks[name], "") or next(first, "")
            if not title:
                return
            yield title
