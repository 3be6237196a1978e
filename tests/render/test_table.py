"""The screen of a scan: what it says, that it fits, and that nothing in it is alive but our own colours."""

from __future__ import annotations

import re
import subprocess
import sys
from fractions import Fraction

import pytest
from rich.cells import cell_len

from dmscan.core.models import Entry, Exit, Game, Reason
from dmscan.render.table import as_columns, as_table
from dmscan.render.words import evidence

from make import NOW, make_leg, make_offer, make_opportunity, make_relist, make_report, make_request, make_stats

OURS = re.compile(r"\x1b\[[0-9;]*m")


def lines(scan, width=100, **options):
    return as_table(scan, width, False, **options).splitlines()


def line_with(text, shown):
    return next(line for line in shown if text in line)


def test_above_the_rows_stands_where_they_came_from():
    shown = lines(make_report(fee_sources={Game.CS2: "412 titles reduced, else 10%"}), 160)
    assert shown[0] == "api.dmarket.com · cs2 · asks from $0.50 · ROI from 3% · fee 412 titles reduced, else 10% · 2026-11-24 06:04 UTC"
    assert shown[1] == "348 of 7,402 candidates judged (4.70%) · 600 calls in 5 min (2.0 a second) · all seen in about 100 min more"


def test_a_complete_scan_says_so():
    shown = lines(make_report(complete=True, seconds_for_all=None, coverage=Fraction(1), stats=make_stats(candidates=1)), 160)
    assert shown[1] == "all 1 candidate judged · 600 calls in 5 min (2.0 a second)"


def test_a_scan_without_a_key_says_so():
    assert "no key, so quotes only" in lines(make_report(signed=False), 160)[1]


def test_levels_and_filters_are_named():
    asked = make_request(levels=("boost", "pro"), titles=("AK*",), exclude=("*Souvenir*",))
    assert "levels boost, pro" in lines(make_report(request=asked), 160)[0]
    assert "2 title filters" in lines(make_report(request=asked), 160)[0]


def test_games_with_different_fees_are_told_apart():
    asked = make_request(games=(Game.CS2, Game.RUST))
    shown = lines(make_report(request=asked, fee_sources={Game.CS2: "9 titles reduced, else 10%", Game.RUST: "10% assumed"}), 160)
    assert "cs2 fee 9 titles reduced, else 10% · rust fee 10% assumed" in shown[0]
    assert any(line.startswith("cs2 AK-47") for line in shown)


def test_a_row_says_what_to_do():
    shown = lines(make_report(), 160)
    head, row = line_with("if stuck", shown), line_with("×2", shown)
    assert head.split() == ["item", "way", "buy", "sell", "net", "ROI", "days", "if", "stuck", "age"]
    expected = "AK-47 | Redline (Field-Tested) ×2 offer → instant $48.10 $52.64 $3.48 7.23% now $3.48 0 s"
    assert " ".join(row.split()) == expected
    assert row.index("$48.10") + 6 == head.index("buy") + 3


def test_the_evidence_stands_below_its_row_warnings_first():
    shown = lines(make_report(opportunities=(make_relist(warnings=("falling",)),)), 160)
    below = shown[shown.index(line_with("$25.70  ", shown)) + 1]
    assert below.startswith("  price falling · 12 of 18 sales at $25.70 or more · next ask $27.10 · fee 10%")


def test_a_phase_belongs_to_the_item():
    assert line_with("Doppler, ruby", lines(make_report(opportunities=(make_opportunity(title="Doppler", phase="ruby"),))))


def test_the_age_is_that_of_the_last_answer():
    assert line_with("×2", lines(make_report(opportunities=(make_opportunity(as_of=NOW - 400),)), 160)).endswith("6 min")


def test_a_title_too_long_for_its_row_gets_lines_of_its_own_and_is_cut_at_256_characters():
    shown = as_table(make_report(opportunities=(make_opportunity(title="A" * 300),)), 80, False)
    assert shown.count("A") == 255
    assert "…" in shown


def test_below_the_rows_stands_why_there_is_not_more():
    shown = lines(make_report(hidden=12), 160)
    assert shown[-6:] == [
        "25,112 titles seen, not taken:",
        "  offer → instant: 24,011 below the least ROI · 900 without a bid · 200 earn too little after the fee",
        "  offer → relist: 17,846 without an offer · 212 with too few sales · 7,053 not reached yet",
        "31 more would pass if today's reduced fee is renewed (--fee-at now)",
        "12 rows not shown (--limit)",
        "of the rows shown: capital $45.09, net $3.83, counting each offer once",
    ]


def test_gone_finds_are_counted():
    assert "1 find gone when looked at again" in lines(make_report(stats=make_stats(gone_at_recheck=1)))


def test_an_empty_screen_tells_the_nearest_reasons_and_what_would_help():
    shown = lines(make_report(opportunities=()), 160)
    assert "Nothing found." in shown
    assert "nearest to a find: 24,011 below the least ROI, 200 earn too little after the fee, 212 with too few sales" in shown
    assert shown[-1].startswith("try a longer --deadline, a lower --min-roi, a lower --min-profit, a lower --min-sales; --why")


def test_a_scan_that_saw_nothing_is_honest():
    shown = lines(make_report(opportunities=(), rejected={}, stats=make_stats(titles=0, candidates=0, pass_if_renewed=0)))
    assert shown[-2:] == ["", "no title seen"]
    assert "Nothing found." in shown


def test_why_names_examples():
    shown = lines(make_report(), why=True)
    at = shown.index("    24,011 below the least ROI")
    assert shown[at - 1] == "  offer → instant"
    assert shown[at + 1] == "      AWP | Asiimov (Battle-Scarred): ask $91.20, bid $88.00"


def test_an_own_target_is_shown_as_one_on_every_width():
    found = make_relist(
        entry=Entry.TARGET, legs=(make_leg(ask=2100, sell=2570, fee=257, offer=None, target=None),), days_to_fill=Fraction(1)
    )
    for width in (80, 160):
        assert "$21.00" in line_with("target → relist  ", lines(make_report(opportunities=(found,)), width))


def crowded():
    """A report with everything long: dear, many units, all warnings, several games, every reason."""
    warnings = ("falling", "far_above_bid", "locked", "reversible", "sales_burst", "spread_out_sales", "worse_float_than_sales")
    dear = make_leg(ask=99_999_99, sell=123_456_78, fee=1_234_57, lock_days=7, offer=make_offer(offer_id="x"))
    title = "★ StatTrak™ 日本語 Karambit | Doppler (Factory New) " * 4
    finds = (
        make_opportunity(title=title, phase="phase-2", legs=(dear,) * 7, bail_out=-99_999_99, warnings=warnings),
        make_relist(title=title, warnings=warnings, hold_days=Fraction(69, 10)),
        make_relist(title="🔫" * 200),
        make_opportunity(),
    )
    pairs = ((Entry.OFFER, Exit.INSTANT), (Entry.OFFER, Exit.RELIST))
    return make_report(
        opportunities=finds,
        hidden=123_456,
        request=make_request(games=tuple(Game), levels=("boost", "standard", "medium", "advanced", "pro")),
        fee_sources={game: f"{len(game)} titles reduced, else 10%" for game in Game},
        rejected={pair: dict.fromkeys(Reason, 12345) for pair in pairs},
    )


@pytest.mark.parametrize("width", [20, 40, 60, 80, 100, 120, 160])
def test_no_line_is_longer_than_the_screen(width):
    for scan in (crowded(), make_report(), make_report(opportunities=())):
        for shown in (
            as_table(scan, width, False),
            as_table(scan, width, True, why=True),
            as_columns(scan, ("title", "roi", "url"), width, False),
        ):
            assert max(cell_len(OURS.sub("", line)) for line in shown.split("\n")) <= width


def test_figures_stay_on_one_line_and_evidence_breaks_only_between_its_parts():
    found = make_relist()
    for width in range(40, 130):
        shown = lines(make_report(opportunities=(found,)), width)
        head, row = line_with(" net", shown), line_with("$21.00", shown)
        assert "$2.13" in row
        assert shown[shown.index(row) + 1].startswith("  12 of 18")
        assert ("if stuck" in head, "age" in head) == ("$4.79" in row, "0 s" in row)
        assert all(any(part in line for line in shown) for part in evidence(found))


def test_a_screen_of_no_width_is_taken_as_a_narrow_one():
    assert as_table(crowded(), 0, False) == as_table(crowded(), 20, False)


@pytest.mark.parametrize("width", [60, 80, 100, 160])
def test_net_profit_and_price_are_whole_on_every_width(width):
    shown = as_table(crowded(), width, False)
    for figure in ("$699,999.93", "$155,555.54", "$2.13", "$3.48"):
        assert figure in shown


def test_colours_are_there_only_when_asked_for_and_say_nothing_new(monkeypatch):
    for name, value in {"NO_COLOR": "1", "TERM": "dumb", "COLUMNS": "33", "FORCE_COLOR": "1"}.items():
        monkeypatch.setenv(name, value)
    plain, colored = as_table(make_report(), 100, False), as_table(make_report(), 100, True)
    assert "\x1b" not in plain
    assert OURS.search(colored)
    assert [line.rstrip() for line in OURS.sub("", colored).split("\n")] == plain.split("\n")


def test_a_warning_colours_itself_alone():
    scan = make_report(opportunities=(make_relist(warnings=("falling",)),), request=make_request(games=tuple(Game)))
    shown = as_table(scan, 160, True)
    assert "\x1b[33mprice falling\x1b[0m\x1b[2m · \x1b[0m\x1b[2m12 of 18" in shown
    assert "\x1b[2mcs2 \x1b[0m\x1b[1mAK-47" in shown


def test_columns_are_those_asked_for():
    shown = as_columns(make_report(), ("title", "roi", "sales_qualified"), 100, False).splitlines()
    assert [line.split() for line in shown] == [
        ["title", "roi", "sales_qualified"],
        ["AK-47", "|", "Redline", "(Field-Tested)", "0.0723"],
        ["AK-47", "|", "Redline", "(Field-Tested)", "0.1014", "18"],
    ]


def test_formats_for_programs_do_not_import_rich():
    code = "import sys, dmscan.render.document, dmscan.render.tabular; sys.exit('rich' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
