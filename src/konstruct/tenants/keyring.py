"""The file key ring: tenants' keys in one file, wrapped under a root key that can be kept apart from it.

Every use looks at the files first (two `stat` calls), so a rotation or a shredding by another process is seen at once.
Changes are made under a lock, each by one atomic replacement of the file.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from uuid import UUID

import structlog

from konstruct.kit.crypto import new_key
from konstruct.kit.errors import SettingsError
from konstruct.kit.settings import Settings
from konstruct.tenants.key_provider import KeyProviderError, TenantKey, UnknownKeyError
from konstruct.tenants.private_file import PrivateFile, Signature
from konstruct.tenants.ring_document import RingDocument, parse_ring
from konstruct.tenants.root_key import VARIABLE, RootFile, RootKey, parse_root_setting

T = TypeVar("T")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class _State:
    """One consistent reading of ring and root."""

    document: RingDocument
    root: RootKey
    signatures: tuple[Signature | None, Signature | None]

    def key(self, tenant_id: UUID, version: int) -> TenantKey:
        return TenantKey(version, self.document.open_key(self.root, tenant_id, version))


class FileKeyRing:
    """A `KeyProvider` in a file. Any number of processes and threads may hold it open. Repr shows the path only."""

    def __init__(self, path: Path, root_keys: tuple[RootKey, ...] = ()) -> None:
        """`root_keys`: those of KONSTRUCT_ROOT_KEY, if set; else they are in `<path>.root`. Nothing is read yet."""
        self.path = path
        self._given = root_keys
        self._file = PrivateFile(path, "the key ring")
        self._root_file = RootFile(path)
        self._seen: _State | None = None

    def __repr__(self) -> str:
        return f"FileKeyRing({str(self.path)!r})"

    async def init(self) -> bool:
        """Make an empty ring, and a root key unless one is given; False when there is a ring already.

        A ring that was lost must be restored, not made anew: ask for this at the first start only.
        """
        return await asyncio.to_thread(self._init)

    async def create(self, tenant_id: UUID) -> int:
        """See KeyProvider."""

        def edit(state: _State) -> RingDocument:
            if tenant_id in state.document.tenants:
                state.document.keys_of(tenant_id)
                return state.document
            return state.document.with_key(state.root, tenant_id, new_key())

        return (await self._change(edit)).keys_of(tenant_id).current

    async def current(self, tenant_id: UUID) -> TenantKey:
        """See KeyProvider."""
        return await self._use(lambda state: state.key(tenant_id, state.document.keys_of(tenant_id).current))

    async def get(self, tenant_id: UUID, version: int) -> TenantKey:
        """See KeyProvider."""
        return await self._use(lambda state: state.key(tenant_id, version))

    async def versions(self, tenant_id: UUID) -> tuple[int, ...]:
        """See KeyProvider."""
        return await self._use(lambda state: tuple(sorted(state.document.keys_of(tenant_id).wrapped)))

    async def rotate(self, tenant_id: UUID) -> int:
        """See KeyProvider."""

        def edit(state: _State) -> RingDocument:
            state.document.keys_of(tenant_id)
            return state.document.with_key(state.root, tenant_id, new_key())

        return (await self._change(edit)).keys_of(tenant_id).current

    async def retire(self, tenant_id: UUID, version: int) -> None:
        """See KeyProvider."""
        await self._change(lambda state: state.document.without_version(tenant_id, version))

    async def shred(self, tenant_id: UUID) -> None:
        """See KeyProvider. Copies of the ring made earlier stay readable until the root key is rotated, too."""
        await self._change(lambda state: state.document.without_tenant(tenant_id))
        log.info("keyring.shredded", tenant_id=str(tenant_id))

    async def rotate_root(self) -> int:
        """See KeyProvider. With KONSTRUCT_ROOT_KEY set, its first key is the new one: `new,old` in every process first.

        Raises SettingsError when the setting holds no new key. Moving from file to setting destroys the file.
        """
        document = await asyncio.to_thread(self._rotate_root)
        log.info("keyring.root_rotated", root_version=document.root_version, tenants=len(document.tenants))
        return document.root_version

    async def _use(self, read: Callable[[_State], T]) -> T:
        try:
            return read(await self._state())
        except UnknownKeyError:
            # A file system may not show another machine's change in `stat` at once.
            return read(await self._state(fresh=True))

    async def _state(self, *, fresh: bool = False) -> _State:
        seen = self._seen
        if seen is None or fresh or seen.signatures != (self._file.signature(), self._root_file.signature()):
            seen = self._seen = await asyncio.to_thread(self._load)
        return seen

    async def _change(self, edit: Callable[[_State], RingDocument]) -> RingDocument:
        def work() -> RingDocument:
            with self._file.lock():
                state = self._read()
                document = edit(state)
                if document != state.document:
                    self._file.replace(document.dump())
                return document

        return await asyncio.to_thread(work)

    def _load(self) -> _State:
        try:
            return self._read()
        except KeyProviderError:
            # Ring and root are two files: between two steps of a rotation they may not match.
            with self._file.lock(shared=True):
                return self._read()

    def _read(self) -> _State:
        found = self._file.read()
        if found is None:
            raise KeyProviderError(
                f"there is no key ring {self.path}: restore it from its backup, or make one with `konstruct keys init`"
            )
        content, signature = found
        document = parse_ring(content, str(self.path))
        stored, root_signature = self._root_file.read()
        root = self._choose_root(document, stored)
        return _State(document, root, (signature, root_signature))

    def _choose_root(self, document: RingDocument, stored: tuple[RootKey, ...]) -> RootKey:
        """Return the key that this ring is wrapped under. Raises KeyProviderError saying which is missing and where."""
        for root in (*self._given, *stored):
            if root.fingerprint == document.root_fingerprint:
                return root
        needed = f"the key ring {self.path} needs root key {document.root_fingerprint} (version {document.root_version})"
        if not self._given and not stored:
            raise KeyProviderError(f"{needed}: set {VARIABLE} or restore {self._root_file.path}")
        where = " and ".join([VARIABLE] * bool(self._given) + [str(self._root_file.path)] * bool(stored))
        held = ", ".join(root.fingerprint for root in (*self._given, *stored))
        raise KeyProviderError(f"{needed}, but {where} holds {held}: restore the right one")

    def _init(self) -> bool:
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise KeyProviderError(f"the folder of the key ring {self.path} cannot be made ({error.strerror})") from None
        with self._file.lock():
            if self._file.signature() is not None:
                return False
            stored, _ = self._root_file.read()
            known = (*self._given, *stored)
            root = known[0] if known else RootKey.random()
            if not known:
                self._root_file.write(root)
            empty = RingDocument(secrets.token_hex(16), 1, root.fingerprint, {})
            self._file.replace(empty.dump())
        log.info("keyring.made", root_in=VARIABLE if self._given else "file")
        return True

    def _rotate_root(self) -> RingDocument:
        with self._file.lock():
            state = self._read()
            new = self._next_root(state)
            document = state.document.rewrapped(state.root, new)
            if self._given:
                self._file.replace(document.dump())
                self._root_file.remove()
            else:
                # Both keys are there before the ring changes, the old one goes after: a crash leaves a ring that opens.
                self._root_file.write(new, state.root)
                self._file.replace(document.dump())
                self._root_file.write(new)
            return document

    def _next_root(self, state: _State) -> RootKey:
        if not self._given:
            return RootKey.random()
        if self._given[0].fingerprint == state.root.fingerprint:
            raise SettingsError(
                f"{VARIABLE} holds no new root key: set it to `new,old` in every process, restart them, then rotate"
            )
        return self._given[0]


def open_key_provider(settings: Settings) -> FileKeyRing:
    """Return the key provider that KONSTRUCT_KEYRING names; nothing is read yet. Raises SettingsError."""
    settings.need("keyring")
    address = str(settings.keyring)
    scheme, colon, rest = address.partition(":")
    if colon and scheme != "file" and "/" not in scheme:
        raise SettingsError(f"KONSTRUCT_KEYRING is wrong: no key provider is called {scheme!r}; use a path or file:/path")
    path = Path(rest.removeprefix("//") if scheme == "file" and colon else address).expanduser()
    if not path.name:
        raise SettingsError("KONSTRUCT_KEYRING is wrong: it names no file; use a path or file:/path")
    given = settings.root_key.get_secret_value() if settings.root_key else ""
    return FileKeyRing(path, parse_root_setting(given) if given.strip() else ())
