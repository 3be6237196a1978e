"""CSV that a spreadsheet can open without running it, and markdown in which a title is only text."""

from __future__ import annotations

import csv
import io
import re

import pytest

from dmscan.render.fields import COLUMNS
from dmscan.render.tabular import as_csv, as_markdown

from make import make_leg, make_opportunity, make_relist, make_report


def rows(text):
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_csv_carries_the_names_and_values_of_the_contract():
    instant, relist = rows(as_csv(make_report()))
    assert tuple(instant) == COLUMNS
    assert (instant["title"], instant["roi"], instant["fee_fraction"]) == ("AK-47 | Redline (Field-Tested)", "0.0723", "0.02")
    assert (instant["quote_ask_cents"], instant["quote_age_s"], instant["offer_ids"]) == ("2401", "12", "offer-1 offer-2")
    assert (instant["sales_median_cents"], relist["sales_median_cents"]) == ("", "2590")
    assert relist["net_profit_if_renewed_cents"] == "418"


def test_csv_lines_end_as_rfc_4180_says_and_quotes_are_doubled():
    scan = make_report(opportunities=(make_opportunity(title='a,"b"'),))
    assert as_csv(scan, ("title", "units")) == 'title,units\r\n"a,""b""",2\r\n'


@pytest.mark.parametrize("title", ["=1+1", "+1", "-1", "@x", "＝1", "=HYPERLINK('x')"])
def test_a_text_cell_that_looks_like_a_formula_is_guarded(title):
    (row,) = rows(as_csv(make_report(opportunities=(make_opportunity(title=title),)), ("title",)))
    assert row["title"] == f"'{title}"


def test_numbers_are_never_guarded():
    (row,) = rows(as_csv(make_report(opportunities=(make_opportunity(bail_out=-33),)), ("bail_out_cents",)))
    assert row["bail_out_cents"] == "-33"


def test_lists_are_joined_by_spaces_and_nested_names_stand_for_all_their_columns():
    scan = make_report(opportunities=(make_relist(warnings=("falling", "thin_book")),))
    (row,) = rows(as_csv(scan, ("warnings", "sales", "legs")))
    assert list(row) == [
        "warnings",
        "sales_qualified",
        "sales_median_cents",
        "sales_q40_cents",
        "sales_at_or_above",
        "sales_last_at",
        "sales_age_s",
        "offer_ids",
    ]
    assert row["warnings"] == "falling thin_book"


def test_a_find_without_offers_has_no_offer_ids():
    scan = make_report(opportunities=(make_opportunity(legs=(make_leg(offer=None),)),))
    assert rows(as_csv(scan, ("offer_ids",)))[0]["offer_ids"] == ""


def test_markdown_is_one_table_with_a_link_per_title():
    head, rule, first, second = as_markdown(make_report(), ("title", "roi", "sales_qualified")).splitlines()
    assert (head, rule) == ("| title | roi | sales_qualified |", "| --- | --- | --- |")
    url = "https://dmarket.com/ingame-items/item-list/csgo-skins?title=AK-47%20%7C%20Redline%20%28Field-Tested%29"
    assert first == f"| [AK-47 \\| Redline (Field-Tested)]({url}) | 0.0723 |  |"
    assert second.endswith("| 0.1014 | 18 |")


@pytest.mark.parametrize(
    "title", ["a|b", "\\|", "`x`", "<b>", "[x](javascript:1)", "![x](y)", "*a*", "_a_", "~~a~~", "&lt;", "# a", "https://e.example", "$x$"]
)
def test_no_markup_of_a_title_is_alive_in_markdown(title):
    cell = as_markdown(make_report(source="sandbox", opportunities=(make_opportunity(title=title),)), ("title",)).splitlines()[2]
    assert not re.search(r"(?<!\\)(?:\\\\)*[`*_\[\]<>#!|~&:$]", cell[2:-2])
    assert re.sub(r"\\(.)", r"\1", cell[2:-2]) == title


def test_a_bare_address_does_not_become_a_link():
    cell = as_markdown(make_report(source="sandbox", opportunities=(make_opportunity(title="WWW.e.example"),)), ("title",)).splitlines()[2]
    assert cell == "| WWW\\.e.example |"
