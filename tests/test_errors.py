"""The error tree and its exit codes."""

from __future__ import annotations

import inspect
from itertools import permutations

import pytest

from dmscan import errors
from dmscan.errors import PRECEDENCE, DmscanError, ExitCode, MarketError, most_specific

CLASSES = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, DmscanError) and one is not DmscanError]


@pytest.mark.parametrize("error", CLASSES, ids=lambda error: error.__name__)
def test_every_error_has_a_code_of_its_own_kind_and_stands_in_the_tree(error: type[DmscanError]) -> None:
    assert error.exit_code is not ExitCode.BUG
    assert f"{error.__name__} " in (errors.__doc__ or "")


def test_market_errors_name_their_endpoint() -> None:
    error = MarketError("It moved.", "v2/offers")
    assert (str(error), error.endpoint) == ("It moved.", "v2/offers")


def test_every_code_has_a_place_in_the_order_and_the_first_of_it_wins() -> None:
    assert sorted(PRECEDENCE) == sorted(ExitCode)
    for one, other in permutations(PRECEDENCE, 2):
        expected = one if PRECEDENCE.index(one) < PRECEDENCE.index(other) else other
        assert most_specific([one, other]) == expected
    assert most_specific([]) is ExitCode.OK
