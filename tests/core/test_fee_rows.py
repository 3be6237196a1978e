"""A game's reduced fees packed: nothing may get lost or change on the way in and out."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from dmscan.core.fee_rows import FeeRows
from dmscan.core.models import FeeRow

ROW = FeeRow(Fraction(1, 50), 1, 9999, 1_795_500_000)
WHOLE = st.integers(-(10**18) + 1, 10**18 - 1)
ROWS = st.builds(FeeRow, st.fractions(0, Fraction(99, 100)), WHOLE, WHOLE, WHOLE)
TITLES = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(st.lists(st.tuples(TITLES, ROWS), max_size=40), st.integers(0, 40))
def test_it_holds_what_a_dictionary_of_all_rows_would_hold(pairs: list[tuple[str, FeeRow]], cut: int) -> None:
    plain: dict[str, tuple[FeeRow, ...]] = {}
    for title, row in dict.fromkeys(pairs):
        plain[title] = (*plain.get(title, ()), row)
    packed = FeeRows(pairs[:cut])
    packed.add(pairs[cut:])
    assert packed == plain
    assert dict(packed.items()) == {title: packed[title] for title in packed} == plain
    assert len(packed) == len(plain)


def test_a_title_without_rows_has_none() -> None:
    packed = FeeRows([("a", ROW)])
    assert "b" not in packed
    assert packed.get("b", ()) == ()


def test_two_are_equal_if_every_title_has_the_same_rows() -> None:
    other = FeeRow(Fraction(1, 20), 1, 9999, 1_795_500_000)
    packed = FeeRows([("a", ROW), ("b", ROW)])
    assert packed == FeeRows([("b", ROW), ("a", ROW), ("a", ROW)])
    assert packed != FeeRows([("a", ROW), ("b", other)])
    assert packed != FeeRows([("a", ROW)])
    assert FeeRows() == {}
