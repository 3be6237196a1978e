"""Which titles are wanted: globs, whatever their case."""

from __future__ import annotations

import pytest

from dmscan.core.titles import TitleFilter

AK = "AK-47 | Redline (Field-Tested)"


@pytest.mark.parametrize(
    ("wanted", "excluded", "wants"),
    [
        ([], [], True),
        (["AK-47*"], [], True),
        (["ak-47 | REDLINE*"], [], True),
        (["AWP*"], [], False),
        (["AWP*", "*redline*"], [], True),
        (["AK-47"], [], False),
        (["AK-4? |*"], [], True),
        (["AK-4[0-9]*"], [], True),
        (["AK-4[!0-9]*"], [], False),
        ([], ["*Redline*"], False),
        ([], ["*AWP*"], True),
        (["AK-47*"], ["*(field-tested)"], False),
    ],
)
def test_a_title_is_wanted_if_a_wanted_glob_matches_and_no_excluded_one_does(wanted, excluded, wants):
    assert TitleFilter(wanted, excluded).wants(AK) is wants


def test_a_glob_that_equals_a_title_matches_it_though_it_holds_brackets():
    title = "Sticker | [/x] [red]100%[/red]"
    assert TitleFilter([title.upper()]).wants(title)
    assert not TitleFilter([], [title]).wants(title)


def test_a_star_spans_line_breaks_and_the_end_is_the_end():
    assert TitleFilter(["Door*break"]).wants("Door,\r\nwith break")
    assert not TitleFilter(["Door"]).wants("Door\n")


def test_letters_that_change_their_length_with_their_case_match():
    assert TitleFilter(["STRASSE*"]).wants("Straße")
