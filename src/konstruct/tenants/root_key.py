"""Root keys: the setting KONSTRUCT_ROOT_KEY, or a file beside the key ring."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from pathlib import Path

from konstruct.kit.crypto import KEY_BYTES, key_fingerprint, new_key
from konstruct.kit.errors import SettingsError
from konstruct.tenants.key_provider import KeyProviderError
from konstruct.tenants.private_file import PrivateFile, Signature

VARIABLE = "KONSTRUCT_ROOT_KEY"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class RootKey:
    """One root key, named by its fingerprint."""

    key: bytes = field(repr=False)
    fingerprint: str

    @classmethod
    def of(cls, key: bytes) -> RootKey:
        """Return `key` with its fingerprint."""
        return cls(key, key_fingerprint(key))

    @classmethod
    def random(cls) -> RootKey:
        """Return a new root key."""
        return cls.of(new_key())


def parse_root_setting(text: str) -> tuple[RootKey, ...]:
    """Return the keys of KONSTRUCT_ROOT_KEY, the one to wrap with first: base64 of 32 bytes each, comma between.

    More than one is for the time of a rotation. Raises SettingsError, which never repeats the value.
    """
    return tuple(RootKey.of(_decode(part.strip(), number)) for number, part in enumerate(text.split(","), start=1))


def _decode(part: str, number: int) -> bytes:
    wrong = f"{VARIABLE} is wrong: key {number} of it is not base64 of {KEY_BYTES} bytes"
    try:
        key = base64.b64decode(part.replace("-", "+").replace("_", "/"), validate=True)
    except (binascii.Error, ValueError):
        raise SettingsError(wrong) from None
    if len(key) != KEY_BYTES:
        raise SettingsError(f"{wrong}: it has {len(key)}")
    return key


class RootFile:
    """`<ring>.root`: the root keys, the newest first. Absent where the setting alone holds them."""

    def __init__(self, ring: Path) -> None:
        self.path = ring.with_name(f"{ring.name}.root")
        self._file = PrivateFile(self.path, "the root key file")

    def signature(self) -> Signature | None:
        """Return what identifies the present state; None without a file."""
        return self._file.signature()

    def read(self) -> tuple[tuple[RootKey, ...], Signature | None]:
        """Return the keys (none without a file) and the signature. Raises KeyProviderError for a damaged file."""
        found = self._file.read()
        if found is None:
            return (), None
        content, signature = found
        return self._parse(content), signature

    def write(self, *keys: RootKey) -> None:
        """Replace the file by these keys, the newest first. The ring's lock must be held."""
        stored = [base64.b64encode(root.key).decode() for root in keys]
        self._file.replace(json.dumps({"format": _FORMAT, "keys": stored}).encode() + b"\n")

    def remove(self) -> None:
        """Destroy the file. The ring's lock must be held."""
        self._file.remove()

    def _parse(self, content: bytes) -> tuple[RootKey, ...]:
        try:
            document = json.loads(content)
            if document["format"] != _FORMAT:
                raise ValueError
            keys = [base64.b64decode(stored, validate=True) for stored in document["keys"]]
            if not keys or any(len(key) != KEY_BYTES for key in keys):
                raise ValueError
        except (ValueError, KeyError, TypeError):
            raise KeyProviderError(f"the root key file {self.path} is damaged: restore it from its backup") from None
        return tuple(RootKey.of(key) for key in keys)
