"""Messages that a trader can act on: whole, short enough, and harmless whatever a title holds."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

from dmscan.core.alerts import Alert, Due, Kind, Part
from dmscan.core.episodes import Ended, Episode, terms_of
from dmscan.core.message import MOST_ENTITIES, MOST_UNITS, Entity, Message, units
from dmscan.core.models import Opportunity
from dmscan.core.report import ScanReport, Trouble
from dmscan.errors import ExitCode
from dmscan.render.message import MOST_MESSAGES, body, compose

from make import NOW, TITLE, make_leg, make_offer, make_opportunity, make_relist, make_report, make_target

REPORT = make_report()


def alert(due: Due, number: int = 1, report: ScanReport = REPORT) -> Alert:
    return Alert(number, due.kind, due.found and due.found.net_profit, body(due, report))


def alerts(found: Iterable[Opportunity], report: ScanReport = REPORT) -> list[Alert]:
    return [alert(Due(Kind.NEW, one), number, report) for number, one in enumerate(found, 1)]


def gone(title: str = TITLE, after: int = 1500) -> Due:
    key = make_opportunity(title=title).key
    return Due(Kind.GONE, gone=Episode(key, NOW - after, NOW - 60, 2, 5, terms_of(REPORT), NOW, Ended.GONE))


def text(parts: tuple[Part, ...]) -> str:
    (part,) = parts
    return part.message.text


def spans(message: Message) -> list[tuple[str, str, str | None]]:
    """What is bold or a link, as Telegram cuts it out of the text."""
    utf16 = message.text.encode("utf-16-le")
    return [(one.type, utf16[2 * one.offset : 2 * (one.offset + one.length)].decode("utf-16-le"), one.url) for one in message.entities]


def whole(parts: tuple[Part, ...], given: list[Alert]) -> None:
    """Each alert is told once, and each message is one that Telegram takes."""
    assert sorted(one.number for part in parts for one in part.alerts) == sorted(one.number for one in given)
    assert len(parts) <= MOST_MESSAGES
    for part in parts:
        assert units(part.message.text) <= MOST_UNITS
        assert len(part.message.entities) <= MOST_ENTITIES
        spans(part.message)
        assert part.message.text == part.message.text.strip()


def test_a_find_says_what_to_do_and_why_it_is_believed() -> None:
    relist = make_relist(warnings=("locked",), legs=(make_leg(ask=2100, sell=2570, fee=257, lock_days=5, target=None),))
    given = [alert(Due(Kind.NEW, make_opportunity())), alert(Due(Kind.BETTER, relist, before=150), 2)]
    parts = compose(given)
    assert text(parts) == (
        "1 new, 1 better · api.dmarket.com\n"
        "\n"
        "AK-47 | Redline (Field-Tested) ×2\n"
        "cs2 · offer → instant\n"
        "buy $48.10 · sell $52.64 · net $3.48 · ROI 7.23% · sold now\n"
        "2 units: $24.01 $24.09 · 2 into a bid of $26.32 for 3 · fee 2% reduced · buy up to $25.03 · seen 2026-11-24 06:04 UTC\n"
        "\n"
        "AK-47 | Redline (Field-Tested)\n"
        "cs2 · offer → relist\n"
        "buy $21.00 · sell $25.70 · net $2.13 (was $1.50) · ROI 10.14% · sold in 2.5 d · if stuck $4.79\n"
        "locked 5 d\n"
        "12 of 18 sales at $25.70 or more · next ask $27.10 · fee 10% · a renewed fee would net $4.18 · buy up to $22.45"
        " · seen 2026-11-24 06:04 UTC"
    )
    url = "https://dmarket.com/ingame-items/item-list/csgo-skins?title=AK-47%20%7C%20Redline%20%28Field-Tested%29"
    assert spans(parts[0].message) == [("bold", TITLE, None), ("text_link", TITLE, url)] * 2
    whole(parts, given)


def test_the_best_come_first_and_the_rest_is_a_number() -> None:
    given = alerts(make_opportunity(title=f"Title {cents}", legs=(make_leg(ask=2000, sell=2000 + cents, fee=0),)) for cents in range(100))
    parts = compose(given, top=3)
    shown = [span for kind, span, _ in spans(parts[0].message) if kind == "bold"]
    assert shown == ["Title 99", "Title 98", "Title 97"]
    assert text(parts).startswith("100 new · api.dmarket.com\n")
    assert text(parts).endswith("\n\nand 97 more: dmscan history show 01jd0exa")
    whole(parts, given)


def test_the_sandbox_is_named_at_the_beginning_of_each_message() -> None:
    report = make_report(source="sandbox")
    given = alerts((make_opportunity(title=f"{number} {'long ' * 40}") for number in range(12)), report)
    parts = compose(given)
    assert len(parts) > 1
    assert [part.message.text.partition("\n")[0] for part in parts] == [
        f"[sandbox] 12 new ({number}/{len(parts)})" for number in range(1, len(parts) + 1)
    ]
    assert parts[-1].message.text.endswith("\n\nand 2 more: dmscan history show 01jd0exa --sandbox")
    assert {one.url for part in parts for one in part.message.entities} == {None}, "the sandbox has no pages"
    whole(parts, given)


@pytest.mark.parametrize(
    ("title", "shown"),
    [
        ("<b>A</b> & [x](http://e.example) *b* `c`", "<b>A</b> & [x](http://e.example) *b* `c`"),
        ("A\x1b[31m\x00\x9bB\r\nC", r"A\u001b[31m\u0000\u009bB\u000d\u000aC"),
        ("\u202egnp.exe\u2066\u200b", r"\u202egnp.exe\u2066\u200b"),
        ("\U0001f525" * 512, "\U0001f525" * 255 + "…"),
        ("★ M9 Bayonet™ 龍", "★ M9 Bayonet™ 龍"),
    ],
)
def test_a_hostile_title_is_plain_text(title: str, shown: str) -> None:
    given = alerts([make_opportunity(title=title)])
    parts = compose(given)
    assert spans(parts[0].message)[0] == ("bold", shown, None)
    assert text(parts).split("\n")[2] == f"{shown} ×2"
    whole(parts, given)


def test_other_hostile_names_are_plain_text_too() -> None:
    target = make_target(float_part="FT-2\u202e", phase="\x1b]0;x\x07")
    found = make_opportunity(phase="ruby\n\u202e", legs=(make_leg(target=target),), warnings=("new_\x1b_one",))
    report = make_report(scan_id="\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b\x1b", source="https://e.example\u202e")
    given = [*alerts([found] * 12, report), alert(gone("\x07\u202e"), 13, report)]
    for part in compose(given):
        assert not set(part.message.text) & set("\x1b\x07\u202e")
        assert part.message.text.count("\n\nruby") == 0
    whole(compose(given), given)


def test_one_item_that_is_longer_than_a_message_is_cut() -> None:
    """By UTF-16 units, and never through a character."""
    found = make_opportunity(legs=(make_leg(target=make_target(phase="\U0001f525" * 5000)),), phase="x")
    given = [*alerts([found, make_opportunity()])]
    parts = compose(given)
    assert len(parts) == 2
    long = next(part.message for part in parts if "\U0001f525" in part.message.text)
    assert MOST_UNITS - 100 < units(long.text) <= MOST_UNITS
    assert long.text.endswith("\U0001f525…")
    whole(parts, given)


@pytest.mark.parametrize("top", [0, 1, 49, 50, 120, 5000])
def test_five_thousand_finds_make_five_messages_at_the_most(top: int) -> None:
    given = alerts(make_opportunity(title=f"★ \U0001f525 {number}") for number in range(5000))
    parts = compose(given, top)
    shown = sum(len(part.message.entities) // 2 for part in parts)
    assert parts[-1].message.text.endswith(f"\n\nand {5000 - shown:,} more: dmscan history show 01jd0exa")
    assert shown == min(top, shown)
    assert (len(parts) == MOST_MESSAGES) == (top > 100)
    whole(parts, given)


def test_entities_are_few_enough_in_each_message() -> None:
    given = alerts(make_opportunity(title=f"{number}") for number in range(200))
    small = [replaced(one, text="") for one in given]
    parts = compose(small, top=200)
    assert [len(part.message.entities) for part in parts] == [100, 100, 100, 100]
    whole(parts, small)


def replaced(one: Alert, **changes: Any) -> Alert:
    return Alert(one.number, one.kind, one.net_profit, json.dumps({**json.loads(one.body), **changes}))


def test_what_is_gone_takes_a_line() -> None:
    given = [alert(gone(), 1), alert(gone("Other", 7200), 2), *alerts([make_opportunity()])[:0]]
    parts = compose(given)
    assert text(parts) == (
        "2 gone · api.dmarket.com\n"
        "\n"
        "gone after 25 min: AK-47 | Redline (Field-Tested) · cs2 · offer → instant\n"
        "gone after 2 h: Other · cs2 · offer → instant"
    )
    whole(parts, given)
    many = [alert(gone(f"{number}"), number) for number in range(1, 40)]
    assert text(compose(many)).endswith("\n\nand 29 more: dmscan history show 01jd0exa")
    whole(compose(many), many)


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        (Kind.WELL, "Recovered: scans find usable data again."),
        (
            Kind.KEY_REFUSED,
            "The market refuses the key: make a new pair there and set DMARKET_PUBLIC_KEY and DMARKET_SECRET_KEY. (No \\u001b.)",
        ),
        (
            Kind.API_CHANGED,
            "The market's API changed, so nothing that rests on it is told: run dmscan doctor, and update dmscan. (No \\u001b.)",
        ),
        (Kind.FAILING, "Three scans in a row got no usable data: run dmscan doctor to see why. (No \\u001b.)"),
    ],
)
def test_health_is_a_sentence_that_says_what_to_do(kind: Kind, words: str) -> None:
    report = make_report(troubles=(Trouble(ExitCode.NO_DATA, "No \x1b."),))
    given = [alert(Due(kind), 2, report)]
    assert text(compose(given)) == f"dmscan · api.dmarket.com\n\n{words}"
    both = [*alerts([make_opportunity()]), *given]
    assert text(compose(both)).startswith(f"1 new · api.dmarket.com\n\n{words}\n\n{TITLE}")
    whole(compose(both), both)


def test_nothing_due_is_no_message() -> None:
    assert compose([]) == ()


def test_a_body_of_a_later_version_is_read() -> None:
    given = [replaced(alerts([make_opportunity()])[0], later=1)]
    assert TITLE in text(compose(given))
    assert isinstance(compose(given)[0].message.entities[0], Entity)


def test_the_offer_of_a_find_may_lack_everything() -> None:
    bare = make_opportunity(
        legs=(make_leg(offer=make_offer(offer_id=""), target=None, lock_days=None),), max_buy=None, bail_out=None, hold_days=None
    )
    assert "buy $24.01" in text(compose(alerts([bare])))
