"""Games by name, and which titles mix phases."""

from __future__ import annotations

import pytest

from dmscan.core.games import has_phases, parse_game
from dmscan.core.models import Game


@pytest.mark.parametrize(
    ("text", "games"),
    [
        ("cs2", (Game.CS2,)),
        ("csgo", (Game.CS2,)),
        (" DOTA2 ", (Game.DOTA2,)),
        ("tf2", (Game.TF2,)),
        ("rust", (Game.RUST,)),
        ("all", tuple(Game)),
    ],
)
def test_a_game_has_its_name_and_cs2_its_old_one(text, games):
    assert parse_game(text) == games


@pytest.mark.parametrize("text", ["", "cs", "a8db", "cs2,rust"])
def test_an_unknown_game_is_refused_with_the_choices(text):
    with pytest.raises(ValueError, match="choose from cs2, dota2, tf2, rust or all"):
        parse_game(text)


@pytest.mark.parametrize(
    ("game", "title", "phases"),
    [
        (Game.CS2, "★ Karambit | Doppler (Factory New)", True),
        (Game.CS2, "Glock-18 | Gamma Doppler (Minimal Wear)", True),
        (Game.CS2, "AK-47 | Redline (Field-Tested)", False),
        (Game.RUST, "Doppler Door", False),
    ],
)
def test_only_doppler_finishes_of_cs2_have_phases(game, title, phases):
    assert has_phases(game, title) is phases
