"""The fake Graph API's media: `POST /{phone}/media`, `GET /{media}`, and the host that the bytes come from."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from aiohttp import web

from tests.support.fake_meta_errors import Reply, bad_token, gone, invalid, refuse
from tests.support.fake_meta_numbers import owned

if TYPE_CHECKING:
    from tests.support.fake_meta import Call, FakeMeta

TYPES = frozenset(
    {
        "text/plain",
        "application/pdf",
        "application/msword",
        "application/vnd.ms-excel",
        "application/vnd.ms-powerpoint",
        "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
        "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
        "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        "image/jpeg",
        "image/png",
        "image/webp",
        "audio/aac",
        "audio/mp4",
        "audio/mpeg",
        "audio/amr",
        "audio/ogg",
        "video/mp4",
        "video/3gpp",
    }
)
"""What may be uploaded (Meta, "supported media types")."""
SIZE_MAX = 100 << 20


@dataclass
class Kept:
    """One file. `to`: where its address leads instead of to its bytes. `says`: what Meta says of it that is not so."""

    phone_id: str
    content: bytes = field(repr=False)
    name: str = "file"
    type: str = "text/plain"
    to: str | None = None
    status: int = 200
    says: dict[str, object] = field(default_factory=dict)


@dataclass
class MediaStore:
    """All files by id. `downloads` holds (id, Authorization) of each request for bytes."""

    known: dict[str, Kept] = field(default_factory=dict)
    downloads: list[tuple[str, str]] = field(default_factory=list)
    hex_sums: bool = False
    """Whether checksums are hexadecimal, as in some answers, or base64, as in others."""
    _count: int = 0

    def add(self, kept: Kept) -> str:
        """Keep a file; return its id."""
        self._count += 1
        media_id = f"90000000{self._count:04d}"
        self.known[media_id] = kept
        return media_id

    async def download(self, meta: FakeMeta, request: web.Request, token: str) -> web.StreamResponse:
        """Hand out the bytes to who has the token of the number that they were sent to."""
        media_id = request.match_info["name"]
        self.downloads.append((media_id, token))
        kept = self.known.get(media_id)
        if kept is None or kept.status == 404:
            return web.Response(status=404)
        number = meta.number(kept.phone_id)
        if number is None or number.token != token:
            return web.Response(status=401)
        if kept.status != 200:
            return web.Response(status=kept.status)
        if kept.to is not None:
            return web.Response(status=302, headers={"Location": kept.to})
        return web.Response(body=kept.content, headers={"Content-Type": kept.type})


def answer(meta: FakeMeta, call: Call) -> Reply | None:
    """Take a file, or tell of one; None for anything else."""
    if call.verb == "POST" and len(call.path) == 2 and call.path[1] == "media":
        return _upload(meta, call)
    if call.verb == "GET" and len(call.path) == 1 and call.path[0] in meta.media.known:
        return _describe(meta, call, call.path[0])
    if call.verb == "GET" and len(call.path) == 1 and "phone_number_id" in call.query:
        raise gone(call.path[0])
    return None


def _upload(meta: FakeMeta, call: Call) -> Reply:
    number = owned(meta, call, call.path[0])
    if (
        call.form.get("messaging_product") != "whatsapp"
        or set(call.files) != {"file"}
        or set(call.form) - {"type", "messaging_product"}
    ):
        raise invalid("Param messaging_product or file is missing")
    name, kind, content = call.files["file"]
    if kind.partition(";")[0] not in TYPES or not content or len(content) > SIZE_MAX:
        raise refuse(131053, "Media upload error", details="Param file must be a file with one of the supported types")
    return {"id": meta.media.add(Kept(number.phone_id, content, name, kind))}


def _describe(meta: FakeMeta, call: Call, media_id: str) -> Reply:
    kept = meta.media.known[media_id]
    if all(each.token != call.token for each in meta.numbers):
        raise bad_token()
    number = meta.number(kept.phone_id)
    asked = call.query.get("phone_number_id", kept.phone_id)
    if number is None or number.token != call.token or asked != kept.phone_id:
        raise gone(media_id)
    digest = hashlib.sha256(kept.content)
    found: Reply = {
        "messaging_product": "whatsapp",
        "url": f"{meta.origin}/files/{media_id}",
        "mime_type": kept.type,
        "sha256": digest.hexdigest() if meta.media.hex_sums else base64.b64encode(digest.digest()).decode(),
        "file_size": len(kept.content),
        "id": media_id,
    }
    return found | kept.says
