"""Tells a watcher of cron jobs (healthchecks.io and what speaks like it) that a run began, and how it ended.

Nothing that goes wrong here is raised: it comes back as a sentence, "" if all went well. The address is a secret and not in it.
"""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit

from dmscan.notify.answers import visible
from dmscan.notify.post import TEXT, Post, Silence

LIMIT_S = 5.0
MOST_BYTES = 10_000


async def start(url: str, run_id: str) -> str:
    """`run_id` is a UUID as text; it ties the end of a run to its start. At most 5 seconds."""
    return await _ping(url, "start", run_id, "")


async def finish(url: str, run_id: str, exit_code: int, summary: str) -> str:
    """Exit code 0 is a success, every other one a failure; the summary is cut at 10,000 bytes. At most 5 seconds."""
    return await _ping(url, f"{exit_code}", run_id, summary)


async def _ping(url: str, what: str, run_id: str, text: str) -> str:
    address = _address(url)
    if address is None:
        return "The ping URL is not used: it must begin with https:// (http:// only on loopback) and name no user."
    query = "&".join(filter(None, (address.query, f"rid={run_id}")))
    asked = address._replace(path=f"{address.path.rstrip('/')}/{what}", query=query, fragment="").geturl()
    body = text.encode(errors="backslashreplace")[:MOST_BYTES].decode(errors="ignore").encode()
    async with Post() as post:
        reply = await post.send(asked, body, TEXT, LIMIT_S)
    if isinstance(reply, Silence):
        return f"The ping URL {reply.why}."
    if not 200 <= reply.status < 300:
        return f"The ping URL answered with status {reply.status}."
    # To an unknown or too lively caller the service says 200 as well.
    said = reply.body.decode(errors="replace").strip()
    return f"The ping URL answered: {visible(said)}." if said.startswith("OK (") else ""


def _address(url: str) -> SplitResult | None:
    """`None` for an address to which a secret must not go."""
    try:
        parts = urlsplit(url.strip())
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        return None
    safe = parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))
    return parts if safe and host and not parts.username else None


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
