"""Cryptographic primitives: authenticated encryption, associated data, random tokens, comparison in constant time.

AES-256-GCM with a random 96-bit nonce. NIST SP 800-38D (8.3) allows 2^32 such encryptions under one key; a data key here
serves one, a tenant key one per secret written, a root key one per tenant and rotation.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from konstruct.kit.errors import KonstructError

KEY_BYTES = 32
NONCE_BYTES = 12
TAG_BYTES = 16
_FORMAT = b"\x01"
_OVERHEAD = len(_FORMAT) + NONCE_BYTES + TAG_BYTES


class SealBrokenError(KonstructError):
    """Sealed bytes do not open: they were changed, moved from another place, or sealed under another key."""


def new_key() -> bytes:
    """Return a random 256-bit key."""
    return os.urandom(KEY_BYTES)


def seal(key: bytes, plaintext: bytes, associated: bytes) -> bytes:
    """Return `format (1) | nonce (12) | ciphertext | tag (16)`; the format byte and `associated` are authenticated too.

    Raises ValueError when `key` is not 32 bytes.
    """
    nonce = os.urandom(NONCE_BYTES)
    return _FORMAT + nonce + _cipher(key).encrypt(nonce, plaintext, _FORMAT + associated)


def unseal(key: bytes, sealed: bytes, associated: bytes) -> bytes:
    """Return what `seal` was given. Raises SealBrokenError unless key, bytes and associated data are all the same."""
    if len(sealed) < _OVERHEAD or sealed[:1] != _FORMAT:
        raise SealBrokenError("sealed bytes are cut short or of an unknown format")
    nonce, body = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    try:
        return _cipher(key).decrypt(nonce, body, _FORMAT + associated)
    except InvalidTag:
        raise SealBrokenError("sealed bytes do not open here: changed, moved, or sealed under another key") from None


def associated_data(*parts: str | int | UUID) -> bytes:
    """Return an injective encoding of `parts`: each is written with its type and length, so no two lists look alike."""
    encoded = bytearray()
    for part in parts:
        kind, data = _encode(part)
        encoded += kind + len(data).to_bytes(4, "big") + data
    return bytes(encoded)


def equal(left: str | bytes, right: str | bytes) -> bool:
    """Compare two secrets in a time that depends on their lengths only. Any text is accepted; nothing is raised."""
    return hmac.compare_digest(_octets(left), _octets(right))


def random_token(octets: int = 32) -> str:
    """Return a URL-safe random token of `octets` bytes of entropy (32: 43 characters)."""
    return secrets.token_urlsafe(octets)


def token_digest(token: str | bytes) -> bytes:
    """Return the SHA-256 of a token made by `random_token`: what is stored, so that a dump holds nothing to sign in with.

    For random tokens only; a password needs a slow hash.
    """
    return hashlib.sha256(_octets(token)).digest()


def key_fingerprint(key: bytes) -> str:
    """Return 16 hex digits that name a random key without telling anything of it. Safe to print."""
    return hashlib.sha256(b"konstruct.key-fingerprint\x00" + key).hexdigest()[:16]


def _cipher(key: bytes) -> AESGCM:
    # AESGCM itself would also take 16 and 24 bytes.
    if len(key) != KEY_BYTES:
        raise ValueError(f"a key is {KEY_BYTES} bytes, not {len(key)}")
    return AESGCM(key)


def _encode(part: str | int | UUID) -> tuple[bytes, bytes]:
    if isinstance(part, UUID):
        return b"u", part.bytes
    if isinstance(part, int):
        return b"i", str(int(part)).encode()
    return b"s", _octets(part)


def _octets(text: str | bytes) -> bytes:
    # A lone surrogate, which JSON can carry, must neither raise nor collide with another text.
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass")
