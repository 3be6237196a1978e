"""How many requests a second the sandbox's server answers, and how soon: signed ones, in about the mix of a scan.

dmscan sandbox serve --port 8500 --titles 2500 --rate 100000 --still
locust -f benchmarks/locustfile.py --host http://127.0.0.1:8500 --headless --users 8 --spawn-rate 8 --run-time 60s
"""

from __future__ import annotations

import time
from random import Random

from locust import FastHttpUser, task

from dmscan.core.models import Game
from dmscan.market import wire
from dmscan.market.endpoints import Call, Endpoint
from dmscan.market.signing import load_keys, new_pair

CS2 = wire.GAME_IDS[Game.CS2]


class Scanner(FastHttpUser):
    """Asks again as soon as it is answered."""

    def on_start(self) -> None:
        self._signer, self._chance = load_keys(*new_pair()), Random(1)
        self._titles = [row["title"] for row in self.page()["aggregatedPrices"]]

    @task
    def page(self) -> dict:
        return self._ask(Call(Endpoint.PRICES, body=wire.price_question(Game.CS2, None, "")))

    @task(6)
    def sales(self) -> None:
        query = (("gameId", CS2), ("title", self._title()), ("limit", "20"), ("txOperationType", "Offer"))
        self._ask(Call(Endpoint.SALES, query=query))

    @task(2)
    def offers(self) -> None:
        query = (("gameId", CS2), ("title", self._title()), ("orderBy", "price"), ("orderDir", "asc"), ("limit", "100"))
        self._ask(Call(Endpoint.OFFERS, query=query))

    @task
    def targets(self) -> None:
        self._ask(Call(Endpoint.TARGETS, (CS2, self._title())))

    def _title(self) -> str:
        return self._chance.choice(self._titles)

    def _ask(self, call: Call) -> dict:
        """The answer; locust counts one that is no success as failed."""
        headers = self._signer.headers(call.method, call.path, call.encoded_query, call.body, int(time.time()))
        target = f"{call.encoded_path}?{call.encoded_query}" if call.query else call.encoded_path
        return self.client.request(call.method, target, name=call.endpoint, data=call.body or None, headers=headers).json()
