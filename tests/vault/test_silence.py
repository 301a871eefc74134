"""Keys and plaintexts never show: not in a repr, an error, a log line or a stored file but the root key's own."""

from __future__ import annotations

import base64
import copy
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.kit.crypto import new_key
from konstruct.kit.errors import KonstructError
from konstruct.kit.settings import Settings
from konstruct.tenants.envelope import open_secret, seal_secret
from konstruct.tenants.key_provider import TenantKey
from konstruct.tenants.keyring import FileKeyRing, open_key_provider
from konstruct.tenants.ring_document import RingDocument
from konstruct.tenants.root_key import RootFile, RootKey
from konstruct.tenants.vault import Vault
from tests.vault.conftest import ALPHA, BETA

CANARY = "xoxb-canary-815-\ud800-ümlaut"


def spellings(secret: bytes) -> set[str]:
    return {secret.hex(), base64.b64encode(secret).decode(), repr(secret)[2:-1], str(list(secret))[1:-1]}


def shown(*things: object) -> str:
    return "\n".join(f"{thing!r} {thing!s} {thing} {[thing]} {copy.copy(thing)!r}" for thing in things)


async def test_no_object_shows_a_key(ring: FileKeyRing, ring_path: Path) -> None:
    key, root, given = await ring.current(ALPHA), RootFile(ring_path).read()[0][0], new_key()
    encoded = base64.b64encode(given).decode()
    settings = Settings(keyring=str(ring_path), root_key=SecretStr(f"{encoded},{base64.b64encode(root.key).decode()}"))
    deployed = open_key_provider(settings)
    await deployed.current(ALPHA)
    things = (
        key,
        root,
        ring,
        deployed,
        ring._seen,
        deployed._seen,
        vars(ring),
        vars(deployed),
        settings,
        Vault(ring),
        RootFile(ring_path),
    )
    text = shown(*things)
    for secret in (key.key, root.key, given):
        assert not [spelling for spelling in spellings(secret) if spelling in text]


def test_no_sealed_object_shows_its_text() -> None:
    key = TenantKey(1, new_key())
    sealed = seal_secret(key, ALPHA, uuid4(), "slack.bot_token", 1, CANARY)
    assert open_secret(key, sealed) == CANARY
    assert "canary" not in shown(sealed, key)
    for part in (sealed.wrapped_key, sealed.sealed):
        assert not [spelling for spelling in spellings(part) if spelling in shown(sealed)]


def test_a_ring_document_shows_neither_tenants_nor_keys() -> None:
    root, key = RootKey.random(), new_key()
    document = RingDocument("ring", 1, root.fingerprint, {}).with_key(root, ALPHA, key)
    text = shown(document, document.keys_of(ALPHA), root)
    assert not [spelling for spelling in spellings(key) | spellings(root.key) if spelling in text]
    assert str(ALPHA) not in text


async def test_no_error_shows_a_key_or_a_text(ring: FileKeyRing, ring_path: Path) -> None:
    key = await ring.current(ALPHA)
    sealed = seal_secret(key, ALPHA, uuid4(), "slack.bot_token", 1, CANARY)
    root_text = ring_path.with_name("ring.json.root").read_text()
    errors: list[KonstructError] = []
    with pytest.raises(KonstructError) as raised:
        open_secret(await ring.current(BETA), sealed)
    errors.append(raised.value)
    for damage in (root_text[:-3], root_text.replace('"keys"', '"locks"'), "[" + root_text):
        ring_path.with_name("ring.json.root").write_text(damage)
        with pytest.raises(KonstructError) as raised:
            await ring.current(ALPHA)
        errors.append(raised.value)
    stored = root_text.split('"')[-2]
    for error in errors:
        told = f"{error!r} {error} {error.args} {error.__cause__!r}"
        assert error.__suppress_context__, "a traceback would go on to the parser's error, which holds the whole file"
        assert not [secret for secret in (stored, "canary", *spellings(key.key)) if secret in told]


async def test_no_log_line_shows_a_key_or_a_text(
    db: Database, scopes: tuple[TenantScope, TenantScope], vault: Vault, ring: FileKeyRing
) -> None:
    scope = scopes[0]
    keys = []
    with capture_logs() as lines:
        secret_id = await vault.put(db, scope, "slack.bot_token", CANARY)
        for _ in range(2):
            keys.append((await ring.current(scope.tenant_id)).key)
            await vault.rotate_tenant_key(db, scope)
        await ring.rotate_root()
        assert await vault.reveal(db, scope, secret_id) == CANARY
        await vault.replace(db, scope, secret_id, CANARY)
        await vault.shred(scope)
    text = repr(lines)
    assert [line["event"] for line in lines if line["event"] in {"vault.rotated", "vault.shredded"}] != []
    assert "canary" not in text
    assert not [spelling for key in keys for spelling in spellings(key) if spelling in text]
