"""Files at Meta: `POST /{phone}/media`, `GET` and `DELETE /{media}`, and the addresses that work for five minutes."""

from __future__ import annotations

from konstruct.local.sandbox.meta.application import APP_PATH, MESSAGING
from konstruct.local.sandbox.meta.calls import Answer, GraphCall
from konstruct.local.sandbox.meta.contents import MEDIA
from konstruct.local.sandbox.meta.errors import GraphError, missing, unknown_object
from konstruct.local.sandbox.meta.fields import Fields
from konstruct.local.sandbox.meta.model import MediaFile

FILES_PATH = f"{APP_PATH}/files"


def upload(call: GraphCall) -> Answer:
    """Store a file of a number; return its id."""
    number = call.number(scope=MESSAGING)
    fields = Fields(call.values, "", "messaging_product type")
    fields.one_of("messaging_product", "whatsapp")
    if call.upload is None:
        raise missing("file")
    kind = str(call.values.get("type") or call.upload.mime_type).partition(";")[0].strip()
    most = next((most for most, kinds in MEDIA.values() if kind in kinds), None)
    if most is None:
        raise GraphError(100, f"Param file must be a file of a known type, received {kind}.", message="(#100) Invalid parameter")
    if not call.upload.content or len(call.upload.content) > most:
        raise GraphError(131053, f"A file of type {kind} has 1 to {most} bytes.")
    made = call.meta.store.media.add(number.phone_number_id, kind, call.upload.name, call.upload.content, call.meta.now())
    return {"id": made.media_id}


def show(call: GraphCall) -> Answer:
    """Return a file's address, good for five minutes, with its type, size and hash."""
    file = _own(call)
    media = call.meta.store.media
    ticket = media.ticket(file.media_id, call.meta.now())
    return {
        "messaging_product": "whatsapp",
        "url": f"{media.base_url}{FILES_PATH}/{ticket}",
        "mime_type": file.mime_type,
        "sha256": file.sha256,
        "file_size": file.size,
        "id": file.media_id,
    }


def delete(call: GraphCall) -> Answer:
    """Delete a file."""
    return {"success": call.meta.store.media.remove(_own(call).media_id)}


def _own(call: GraphCall) -> MediaFile:
    token, file = call.token(MESSAGING), call.meta.store.media.get(call.path[0])
    number = call.meta.store.businesses.number(file.phone_number_id) if file else None
    asked = call.values.get("phone_number_id")
    if file is None or number is None or number.waba_id != token.waba_id or asked not in (None, number.phone_number_id):
        raise unknown_object(call.path[0], call.method.lower())
    return file
