"""Writes, done once: the answer is stored in the transaction of the effect, so that a crash leaves both or neither.

The caller's key for a write is held by an advisory lock of that transaction, which ends with it, however it ends: there is
no claim that a crash could leave behind. A refused write changes nothing and keeps no answer; it may be sent again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated

from fastapi import Depends, Header, Request, Response
from pydantic import BaseModel

from konstruct.db.database import Database
from konstruct.db.joined import JoinedDatabase
from konstruct.db.session import TenantSession, UniqueViolation
from konstruct.tenants import api_requests_repository as repository
from konstruct.tenants.api_keys import Caller
from konstruct.tenants.api_requests_repository import Kept
from konstruct.web.api.problems import ApiError
from konstruct.web.deps import deps_of

KEPT_FOR = timedelta(hours=24)
KEY_MAX = 200
_BUSY = "The same Idempotency-Key is being worked on: try again in a moment, and get that answer."

Work = Callable[[Database], Awaitable[tuple[int, BaseModel | None]]]
"""What a write does, through the database it is given; it returns the status and the body of the answer."""


class Once:
    """A write of one request."""

    def __init__(self, request: Request, caller: Caller, idempotency_key: str | None) -> None:
        self._request = request
        self._caller = caller
        self._key = idempotency_key

    async def do(self, content: bytes, work: Work) -> Response:
        """Return the answer of `work`, or the one that was given before to the same request under the same key.

        `content` is what the request asks for besides its address. Raises ApiError for a key that is in use for
        something else, or at this moment; and whatever `work` raises: then nothing has happened.
        """
        scope, key = self._caller.scope, self._key

        async def within(session: TenantSession) -> tuple[Kept, bool]:
            if key is not None and (kept := await self._known(session, key, content)):
                return kept, True
            status, answer = await work(JoinedDatabase(session))
            kept = Kept(self._hash(content), status, answer.model_dump_json(by_alias=True) if answer else None)
            if key is not None:
                await repository.keep(session, self._caller.key_id, key, kept, KEPT_FOR)
            return kept, False

        try:
            kept, replayed = await deps_of(self._request).db.run(scope, within)
        except UniqueViolation:
            # Two at once that met on what they write: one of them has happened.
            raise ApiError(409, _BUSY, {"Retry-After": "1"}) from None
        headers = {"Idempotency-Replayed": "true"} if replayed else {}
        return Response(kept.body or b"", kept.status, headers, "application/json" if kept.body else None)

    async def _known(self, session: TenantSession, key: str, content: bytes) -> Kept | None:
        if not await repository.lock(session, self._caller.key_id, key):
            raise ApiError(409, _BUSY, {"Retry-After": "1"})
        kept = await repository.find(session, self._caller.key_id, key)
        if kept is not None and kept.request_hash != self._hash(content):
            raise ApiError(422, "This Idempotency-Key was used for another request: make a new one for each write.")
        return kept

    def _hash(self, content: bytes) -> bytes:
        address = f"{self._request.method} {self._request.url.path}?{self._request.url.query}\n"
        return hashlib.sha256(address.encode() + content).digest()


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=KEY_MAX,
        pattern="^[!-~]+$",
        description="Of your own making, such as a random UUID: the same request with the same key within 24 hours is"
        " done once, and answered the same each time. Another request with it is refused (422).",
        examples=["5f0c8c1e-6e0d-4c5e-9d3a-2f1b8a7c6d5e"],
    ),
]


def content_of(body: BaseModel) -> bytes:
    """Return what a JSON body asks for, whatever its blanks and the order of its fields."""
    return body.model_dump_json().encode()


def once(request: Request, idempotency_key: IdempotencyKey = None) -> Once:
    """Return the write of a request, for a route that was let in."""
    return Once(request, request.state.caller, idempotency_key)


Writing = Annotated[Once, Depends(once)]
