"""Ed25519 signatures of requests, and the check of a key pair before anything is sent (dmarket-api.md chapters 1.1-1.3)."""

from __future__ import annotations

import re

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dmscan.errors import SettingsError

PUBLIC = "DMARKET_PUBLIC_KEY"
SECRET = "DMARKET_SECRET_KEY"  # noqa: S105 (the name of a setting)

_HEX = re.compile(r"[0-9a-f]+", re.ASCII)


class Signer:
    """Signs with one key pair. The seed lives only inside the key object, and `repr` shows four characters of the public key."""

    __slots__ = ("_key", "public")

    def __init__(self, public: str, seed: bytes) -> None:
        self.public = public
        self._key = Ed25519PrivateKey.from_private_bytes(seed)

    def __repr__(self) -> str:
        return f"Signer(…{self.public[-4:]})"

    def headers(self, method: str, path: str, query: str, body: bytes, timestamp: int) -> dict[str, str]:
        """The three headers of one request: `path` decoded, `query` percent-encoded as sent, `timestamp` Unix seconds."""
        target = f"{path}?{query}" if query else path
        signed = f"{method}{target}".encode() + body + str(timestamp).encode()
        return {
            "X-Api-Key": self.public,
            "X-Sign-Date": str(timestamp),
            "X-Request-Sign": f"dmar ed25519 {self._key.sign(signed).hex()}",
        }


def load_keys(public: str, secret: str) -> Signer:
    """A signer for a pair that belongs together: 64 hex digits, and 128 (seed and public key) or 64 (the seed alone).

    SettingsError names the setting and the remedy, never the key.
    """
    public, secret = public.strip(), secret.strip()
    _check_swapped(public, secret)
    _check_hex(PUBLIC, public, (64,))
    _check_hex(SECRET, secret, (128, 64))
    seed = bytes.fromhex(secret[:64])
    derived = _public_of(seed)
    if secret[64:] not in ("", derived):
        raise SettingsError(f"{SECRET} contradicts itself: its second half is not the public key of its first; copy it again in full.")
    if derived != public:
        raise SettingsError(f"{PUBLIC} (…{public[-4:]}) does not belong to {SECRET}; copy both from one key in your account settings.")
    return Signer(public, seed)


def _public_of(seed: bytes) -> str:
    return Ed25519PrivateKey.from_private_bytes(seed).public_key().public_bytes_raw().hex()


def _check_swapped(public: str, secret: str) -> None:
    swapped = len(public) == 128 and len(secret) == 64
    if not swapped and len(public) == len(secret) == 64 and _HEX.fullmatch(public):
        swapped = _public_of(bytes.fromhex(public)) == secret
    if swapped:
        raise SettingsError(f"{PUBLIC} and {SECRET} are swapped; exchange the two values.")


def _check_hex(setting: str, value: str, lengths: tuple[int, ...]) -> None:
    wanted = " or ".join(map(str, lengths))
    if not value:
        raise SettingsError(f"{setting} is missing; set both {PUBLIC} and {SECRET}, or neither.")
    if _HEX.fullmatch(value.lower()) and value != value.lower():
        raise SettingsError(f"{setting} must be in lower case; write its letters as a to f.")
    if not _HEX.fullmatch(value):
        raise SettingsError(f"{setting} must hold {wanted} hexadecimal digits and nothing else; copy it again.")
    if len(value) not in lengths:
        raise SettingsError(f"{setting} has {len(value)} digits instead of {wanted}; copy it again in full.")


def new_pair() -> tuple[str, str]:
    """A fresh public and secret key as hex, for a market that accepts any."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes_raw()
    return public.hex(), (key.private_bytes_raw() + public).hex()
