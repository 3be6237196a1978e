"""What differs from game to game."""

from __future__ import annotations

from dmscan.core.models import Game

_ALIASES = {"csgo": Game.CS2}


def parse_game(text: str) -> tuple[Game, ...]:
    """`cs2`, `csgo` (the same), `dota2`, `tf2`, `rust` or `all`. ValueError names the choices."""
    name = text.strip().lower()
    if name == "all":
        return tuple(Game)
    if name in _ALIASES:
        return (_ALIASES[name],)
    try:
        return (Game(name),)
    except ValueError:
        raise ValueError(f"unknown game {text!r}: choose from {', '.join(Game)} or all") from None


def has_phases(game: Game, title: str) -> bool:
    """Whether one title mixes phases of different worth: only Doppler finishes of CS2 do (dmarket-api.md chapter 2)."""
    return game is Game.CS2 and "Doppler" in title
