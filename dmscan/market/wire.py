"""Questions and answers of both editions of the API, from and to records: the units of dmarket-api.md chapter 3."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache, partial

import msgspec
from msgspec import Raw, Struct

from dmscan.core.models import FeeRow, Game, Offer, Quote, Sale, SaleKind, Target
from dmscan.core.money import Cents, parse_fraction
from dmscan.errors import MarketChanged
from dmscan.market.endpoints import Endpoint
from dmscan.market.notations import (
    Amounts,
    Number,
    Unreadable,
    cents_text,
    count,
    float_part,
    float_text,
    integer,
    moment,
    name,
    paint_seed,
    part_limit,
    phase,
    phase_limit,
    plain,
    seed_limit,
    unix_seconds,
    usd_text,
)
from dmscan.market.page import Answer, Page, Rows, fields_of
from dmscan.market.shapes import Cs2, DefaultFee, Limits, OfferRow, Price, QuoteRow, ReducedFee, SaleRow, Sold, TargetRow

GAME_IDS = {Game.CS2: "a8db", Game.DOTA2: "9a92", Game.TF2: "tf2", Game.RUST: "rust"}
OLDER_GAME_IDS = {Game.CS2: "csgo", Game.DOTA2: "dota2"}
"""What documentation of early 2026 called them in `targets-by-title`."""

SALE_KINDS = {"Offer": SaleKind.OFFER, "Target": SaleKind.TARGET, "Order": SaleKind.TARGET}


class Fees(Struct, frozen=True):
    """One page of a game's fees with the default that stands on each."""

    default: Fraction
    min_amount: Cents
    page: Page[tuple[str, FeeRow]]


def price_question(game: Game, titles: Sequence[str] | None, cursor: str) -> bytes:
    """The body that asks for quotes, without P2P offers because they cannot be bought; the whole catalogue without `titles`."""
    chosen = {} if titles is None else {"titles": titles}
    onward = {"cursor": cursor} if cursor else {}
    return msgspec.json.encode({"filter": {"game": GAME_IDS[game], **chosen, "includeP2p": False}, "limit": "100", **onward})


def quotes(game: Game, answer: Answer) -> Page[Quote]:
    """The quotes of `aggregated-prices`; an absent, null, empty or zero price is an empty side."""
    return _QUOTES.page(answer, partial(_quote, game, answer.at))


def offers(game: Game, title: str, answer: Answer) -> Page[Offer]:
    """The offers of exactly this title; the prefix search brings others along, which do not count as skipped."""
    return _OFFERS.page(answer, partial(_offer, GAME_IDS[game], title))


def targets(title: str, answer: Answer) -> Page[Target]:
    return _TARGETS.page(answer, partial(_target, title))


def sales(kind: SaleKind, answer: Answer) -> Page[Sale]:
    """Rows of the other kind are left out."""
    return _SALES.page(answer, partial(_sale, kind))


def fees(answer: Answer) -> Fees:
    """One page of `customized-fees`. MarketChanged if the default fee cannot be read; a reduced row that cannot is skipped."""
    raw = fields_of(answer.body, Endpoint.FEES).get("defaultFee", Raw(b"null"))
    try:
        default = msgspec.json.decode(raw, type=DefaultFee)
        fraction = _fraction(default.fraction)
        min_amount = integer(default.min_amount, "minAmount")
        if min_amount < 0:
            raise Unreadable("minAmount")
    except ValueError as error:
        raise MarketChanged(f"The defaultFee in the market's answer to {Endpoint.FEES} cannot be read.", Endpoint.FEES) from error
    return Fees(fraction, min_amount, _FEES.page(answer, _fee_row))


def balance(answer: Answer) -> Cents:
    """The account's dollars in cents. MarketChanged if they are not there."""
    raw = fields_of(answer.body, Endpoint.BALANCE).get("usd", Raw(b"{}"))
    try:
        return count(msgspec.json.decode(raw, type=Number), "usd")
    except ValueError as error:
        raise MarketChanged(f"The usd in the market's answer to {Endpoint.BALANCE} cannot be read.", Endpoint.BALANCE) from error


_QUOTES = Rows(Endpoint.PRICES, "aggregatedPrices", QuoteRow, cursor="nextCursor")
_OFFERS = Rows(Endpoint.OFFERS, "items", OfferRow, cursor="cursor")
_TARGETS = Rows(Endpoint.TARGETS, "orders", TargetRow)
_SALES = Rows(Endpoint.SALES, "sales", SaleRow)
_FEES = Rows(Endpoint.FEES, "reducedFees", ReducedFee, tolerant=True)

_NO_CS2 = Cs2()
_NO_LIMITS = Limits()
_NOTHING_SAID = Sold()


_CENTS = Amounts("Amount")
_COUNTS = Amounts("Count")


def _quote(game: Game, at: int, row: QuoteRow) -> Quote:
    ask, bid = _side(row.offer_best_price), _side(row.order_best_price)
    return Quote(game, name(row.title), ask, bid, _COUNTS[row.offer_count], _COUNTS[row.order_count], at)


def _side(price: Price | str | None) -> Cents | None:
    if not price:
        return None
    if isinstance(price, str):
        raise Unreadable("BestPrice")
    if cents := _CENTS[price.amount]:
        if price.currency == "USD":
            return cents
        raise Unreadable("Currency")
    return None


def _offer(game_id: str, title: str, row: OfferRow) -> Offer | None:
    about = row.attributes
    if about.title != title:
        return None
    if about.game_id != game_id:
        raise Unreadable("gameId")
    price = cents_text(row.price_cents, "priceCents")
    if price is None:
        return None
    cs2 = about.cs2 or about.cs2_attributes or _NO_CS2
    wear = float_text(cs2.float) or _number(cs2.float_value)
    return Offer(
        offer_id=name(row.offer_id, "offerId"),
        price=price,
        created_at=_created(row.created_at),
        reserved=row.locked,
        # An unknown kind of offer is not bought, but competes.
        p2p=row.offer_type not in (None, "", "dmarket"),
        resellable=not (about.sale_restricted or about.sell_unavailable or about.overstocked),
        phase=phase(cs2.phase or cs2.phase_title or ""),
        float_part=float_part(cs2.float_part or "", wear),
        float_value=wear,
        paint_seed=paint_seed(cs2.paint_seed),
        unlock_at=moment(about.unlock_date, "unlockDate"),
        reversible_until=moment(about.revert_pending_until, "revertPendingUntil"),
    )


def _created(value: object) -> int:
    # It only breaks ties, so an odd one costs the offer nothing.
    try:
        return moment(value, "createdAt") or 0
    except Unreadable:
        return 0


def _number(raw: Raw) -> str | None:
    value = float_text(plain(bytes(raw)))
    # A float that is a JSON number is 0 where it is not known.
    return None if value == "0" else value


def _target(title: str, row: TargetRow) -> Target | None:
    if row.title != title:
        raise Unreadable("title")
    price = cents_text(row.price, "price")
    amount = count(row.amount, "amount")
    if price is None or not amount:
        return None
    limits = row.attributes or _NO_LIMITS
    return Target(
        price,
        amount,
        float_part=part_limit(limits.float_part_value),
        phase=phase_limit(limits.phase),
        paint_seed=seed_limit(limits.paint_seed),
    )


def _sale(kind: SaleKind, row: SaleRow) -> Sale | None:
    found = SALE_KINDS.get(row.tx_operation_type)
    if found is None:
        raise Unreadable("txOperationType")
    price = usd_text(row.price, "price")
    if found is not kind or price is None:
        return None
    about = row.offer_attributes or _NOTHING_SAID
    return Sale(
        price,
        unix_seconds(row.date, "date"),
        kind,
        phase=phase(about.phase or about.phase_title or ""),
        float_value=_number(about.float_value),
    )


def _fee_row(row: ReducedFee) -> tuple[str, FeeRow]:
    return name(row.title), FeeRow(
        fraction=_fraction(row.fraction),
        low=integer(row.min_price, "minPrice"),
        high=integer(row.max_price, "maxPrice"),
        expires_at=integer(row.expires_at, "expiresAt"),
    )


def _fraction(raw: Raw) -> Fraction:
    return _share(plain(bytes(raw)))


@lru_cache(maxsize=256)
def _share(text: str) -> Fraction:
    """One record for all rows of a fraction: there are few, and a record for each row would take 6 MB on 100,000 rows."""
    fraction = parse_fraction(text)
    if fraction is None:
        raise Unreadable("fraction")
    return fraction
