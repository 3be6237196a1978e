from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from dmscan.errors import SettingsError
from dmscan.market.endpoints import Call, Endpoint
from dmscan.market.signing import load_keys

from market_fakes import UNHURRIED, VECTORS, Script, reply, signer, transport_for

PUBLIC, SECRET, SEED = VECTORS["public_key_hex_64"], VECTORS["secret_key_hex_128"], VECTORS["seed_hex_64"]
OTHER = "02" * 32


@pytest.mark.parametrize("case", VECTORS["cases"], ids=lambda case: case["name"])
def test_the_nine_vectors_are_signed_exactly(case):
    body = case["body"].encode()
    headers = signer().headers(case["method"], case["path_in_signature"], case["query"], body, int(case["timestamp"]))
    assert headers == case["headers"]


@UNHURRIED
@given(title=st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=40))
async def test_the_path_sent_is_the_path_signed_for_any_title(title):
    script = Script(reply(b"{}"))
    transport = transport_for(script)
    call = Call(Endpoint.TARGETS, ("a8db", title), (("title", title), ("cursor", "eyJv==")))
    await transport.ask(call, lambda answer: answer.body)
    sent = script.requests[0]
    path, _, query = sent.url.raw_path.decode().partition("?")
    assert (path, query) == (call.encoded_path, call.encoded_query)
    signed = f"GET/marketplace-api/v1/targets-by-title/a8db/{title}?{query}{sent.headers['X-Sign-Date']}"
    signature = bytes.fromhex(sent.headers["X-Request-Sign"].removeprefix("dmar ed25519 "))
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(PUBLIC)).verify(signature, signed.encode())


def test_a_space_is_percent_20_and_an_equals_sign_is_encoded():
    call = Call(Endpoint.OFFERS, query=(("title", "AK-47 | Redline"), ("cursor", "a=")))
    assert call.encoded_query == "title=AK-47%20%7C%20Redline&cursor=a%3D"


@pytest.mark.parametrize("secret", [SECRET, SEED, f" {SECRET}\n"])
def test_a_secret_is_taken_whole_or_as_the_seed_alone(secret):
    assert load_keys(PUBLIC, secret).public == PUBLIC


WRONG = {
    "swapped": (SECRET, PUBLIC, "swapped"),
    "swapped with the seed alone": (SEED, PUBLIC, "swapped"),
    "cut public key": (PUBLIC[:-1], SECRET, "DMARKET_PUBLIC_KEY has 63 digits"),
    "cut secret key": (PUBLIC, SECRET[:-2], "DMARKET_SECRET_KEY has 126 digits"),
    "upper-case public key": (PUBLIC.upper(), SECRET, "DMARKET_PUBLIC_KEY must be in lower case"),
    "upper-case secret key": (PUBLIC, SECRET.upper(), "DMARKET_SECRET_KEY must be in lower case"),
    "no hexadecimal": (PUBLIC, "z" * 128, "DMARKET_SECRET_KEY must hold 128 or 64"),
    "unicode digits": ("١" * 64, SECRET, "DMARKET_PUBLIC_KEY must hold 64"),
    "public key of another": (OTHER, SECRET, "does not belong to DMARKET_SECRET_KEY"),
    "seed of another": (PUBLIC, OTHER, "does not belong to DMARKET_SECRET_KEY"),
    "halves of two secrets": (PUBLIC, SEED + OTHER, "DMARKET_SECRET_KEY contradicts itself"),
    "no public key": ("", SECRET, "DMARKET_PUBLIC_KEY is missing"),
    "no secret key": (PUBLIC, " ", "DMARKET_SECRET_KEY is missing"),
}


@pytest.mark.parametrize(("public", "secret", "words"), WRONG.values(), ids=WRONG)
def test_a_wrong_key_is_named_without_being_shown(public, secret, words):
    with pytest.raises(SettingsError, match=words) as caught:
        load_keys(public, secret)
    shown = str(caught.value)
    assert not any(key in shown for key in (PUBLIC, SEED, SECRET, PUBLIC.upper(), OTHER))
    assert SEED[-8:] not in shown


def test_a_signer_shows_four_characters_of_the_public_key_and_nothing_else():
    assert repr(signer()) == f"Signer(…{PUBLIC[-4:]})"
    assert not hasattr(signer(), "__dict__")
