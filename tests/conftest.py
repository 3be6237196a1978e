"""What holds for every test: how many cases a property is tried on, a thousand unless `--hypothesis-profile` says otherwise."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("full", max_examples=10_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("usual", settings.get_profile("full"), max_examples=1_000)
settings.register_profile("short", settings.get_profile("full"), max_examples=200)
settings.load_profile("usual")
