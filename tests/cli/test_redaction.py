"""No secret gets through, in whatever form it comes and however it was cut; what is no secret stays readable."""

from __future__ import annotations

import json
import string
from base64 import b64encode, urlsafe_b64encode
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from dmscan.cli.redaction import BLOT, PIECE, Redaction
from dmscan.market.signing import new_pair

PUBLIC, SECRET = new_pair()
TOKEN = "7301542891:AAFx-canary_9Kd3mQpZ0sVtYwLbNcRgHjUe"
PING = "https://hc-ping.com/8f14e45f-ceea-467f-a9b1-canary/run"
SECRETS = (PUBLIC, SECRET, TOKEN, PING)

FORMS = {
    "plain": str,
    "upper": str.upper,
    "lower": str.lower,
    "hex": lambda text: text.encode().hex(),
    "base64": lambda text: b64encode(text.encode()).decode(),
    "base64 amid other text": lambda text: b64encode(f"user:{text}!".encode()).decode(),
    "url-safe base64": lambda text: urlsafe_b64encode(f"??>{text}".encode()).decode(),
    "percent-encoded": lambda text: quote(text, safe=""),
    "a form's value": quote_plus,
    "JSON": json.dumps,
    "repr": repr,
}


def knowing(*secrets: str) -> Redaction:
    redaction = Redaction()
    redaction.hide(secrets)
    return redaction


def pieces(text: str) -> set[str]:
    return {text[start : start + PIECE] for start in range(len(text) - PIECE + 1)}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", SECRETS, ids=["public", "secret", "token", "ping"])
def test_no_form_of_a_secret_gets_through(secret, form):
    written = FORMS[form](secret)
    redacted = knowing(*SECRETS)(f"failed with {written} at once")
    assert redacted.startswith("failed with ")
    assert redacted.endswith(" at once")
    assert BLOT in redacted
    telling = secret.partition("hc-ping.com")[2] or secret
    assert not pieces(FORMS[form](telling)) & pieces(redacted)


@pytest.mark.parametrize("kept", [slice(0, 12), slice(0, 40), slice(-12, None), slice(-40, None), slice(20, 40)])
@pytest.mark.parametrize("secret", SECRETS[:3], ids=["public", "secret", "token"])
def test_a_secret_that_was_cut_does_not_get_through_either(secret, kept):
    assert knowing(*SECRETS)(f"begins {secret[kept]} …") == f"begins {BLOT} …"


def test_the_bytes_of_a_key_in_base64_are_its_secret_too():
    assert knowing(SECRET)(b64encode(bytes.fromhex(SECRET)).decode()).rstrip("=")[:-1] == BLOT


def test_the_token_of_an_address_is_blotted_out_even_if_nobody_named_it():
    text = "POST https://api.telegram.org/bot7301542891:AAFx-canary_9K/sendMessage"
    assert Redaction()(text) == "POST https://api.telegram.org/bot***/sendMessage"


def test_whom_an_address_names_may_be_told():
    redaction = knowing(PING)
    assert redaction("hc-ping.com did not answer") == "hc-ping.com did not answer"
    assert redaction(f"GET {PING}?rid=1") == f"GET {BLOT}?rid=1"
    assert "canary" not in redaction("8f14e45f-ceea-467f-a9b1-canary")


def test_what_is_no_secret_stays():
    text = json.dumps({"at": "2026-11-24T06:04:56.123Z", "scan_id": "8d0a9a0c-9a5c-4bde-8a2c-0242ac120002", "elapsed_ms": 143})
    assert knowing(*SECRETS)(text) == text


def test_a_text_too_short_to_be_a_secret_changes_nothing():
    assert knowing("", "a", "dmsca")("dmscan: a scan") == "dmscan: a scan"


@given(st.text(string.ascii_letters + string.digits + "-_:", min_size=16, max_size=80), st.text(max_size=40), st.text(max_size=40))
def test_no_twelve_characters_of_any_secret_get_through(secret, before, after):
    redacted = knowing(secret)(before + secret + after)
    assume(not pieces(secret) & pieces(BLOT + before + BLOT + after))
    assert not pieces(secret) & pieces(redacted)


@given(st.text(string.ascii_letters + string.digits + "-_:/.?=&%~+", min_size=6, max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_a_line_of_json_stays_one_whatever_the_secret_is(secret, before, after):
    line = json.dumps({"at": "now", "message": f"{before} {secret} {after}", "status": 200})
    redacted = json.loads(knowing(secret)(line))
    assert (list(redacted), redacted["status"]) == (["at", "message", "status"], 200)
    assert secret not in redacted["message"] or secret in BLOT + before + BLOT + after
