"""Getting consents in: a file with its preview, and one by hand."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse
from starlette.datastructures import UploadFile

from konstruct.conversations.consent import lists_repository, recording
from konstruct.conversations.consent.csv_file import MAX_BYTES, CsvError
from konstruct.conversations.consent.evidence import Evidence, EvidenceError, read_evidence
from konstruct.conversations.consent.lists_repository import NumberAccount
from konstruct.conversations.consent.person_id import PersonIdError, read_person_id, region_of
from konstruct.conversations.consent.reading_list import NAME_MAX, read_list
from konstruct.conversations.consent.recorder import Recorder
from konstruct.conversations.consent.recording import LeftError
from konstruct.db.session import TenantSession
from konstruct.kit.errors import NotFoundError
from konstruct.kit.ids import parse_id
from konstruct.kit.text import storable
from konstruct.tenants.roles import Permission
from konstruct.web.deps import deps_of
from konstruct.web.portal.consent.asking import HOME, kinds_of, redirect, zone_of
from konstruct.web.portal.consent.view import ImportView, PreviewView, RecordView
from konstruct.web.portal.forms import FormError, form_of
from konstruct.web.portal.guard import Visitor, require
from konstruct.web.portal.knowledge.form import TooLargeError, multipart
from konstruct.web.portal.pages import HEADERS, page

Recording = Annotated[Visitor, Depends(require(Permission.RECORD_CONSENT))]
_FORM_MAX = MAX_BYTES + 64 * 1024
EXAMPLE = (
    "phone,name,obtained_at,how,wording,version,proof,purpose\r\n"
    '+49 151 12345678,Maria Muster,2026-03-31 14:05,form on our website,"Yes, send me news and offers by WhatsApp.",2026-01,'
    "https://example.com/forms/4711,marketing\r\n"
)


def add_to(routes: APIRouter) -> None:
    """Add the routes of this file."""
    routes.add_api_route("/import", show_import, methods=["GET"])
    routes.add_api_route("/import", take, methods=["POST"])
    routes.add_api_route("/example.csv", example, methods=["GET"])
    routes.add_api_route("/uploads/{upload_id}", preview, methods=["GET"])
    routes.add_api_route("/uploads/{upload_id}/store", store, methods=["POST"])
    routes.add_api_route("/uploads/{upload_id}/discard", discard, methods=["POST"])
    routes.add_api_route("/record", show_record, methods=["GET"])
    routes.add_api_route("/record", record, methods=["POST"])


async def show_import(request: Request, visitor: Recording, account: str = "") -> Response:
    """Show the form for a file."""
    return page("consent/import.html", visitor, view=ImportView(await _accounts(request, visitor), account))


async def example(visitor: Recording) -> Response:
    """Send a file that shows how one looks."""
    headers = {**HEADERS, "Content-Disposition": 'attachment; filename="consent-example.csv"'}
    return PlainTextResponse("\ufeff" + EXAMPLE, media_type="text/csv; charset=utf-8", headers=headers)


async def take(request: Request, visitor: Recording) -> Response:
    """Read a file and show what it says; nothing is stored yet."""
    accounts, chosen = await _accounts(request, visitor), ""
    try:
        async with multipart(request, max_bytes=_FORM_MAX, max_files=1) as form:
            chosen, file = str(form.get("account", "")), form.get("file")
            if not isinstance(file, UploadFile) or not file.filename:
                raise CsvError("choose a file first")
            name, data = storable(file.filename).strip()[:200] or "list", await file.read(MAX_BYTES + 1)
        account = _chosen(accounts, chosen)
        db = deps_of(request).db
        async with db.tenant(visitor.scope) as session:
            zone = await zone_of(session)
        read = read_list(data, region_of(account.digits), zone, datetime.now(UTC))
        upload_id = await db.run(visitor.scope, lambda s: recording.preview(s, account.id, visitor.member.id, name, read))
    except (CsvError, FormError) as error:
        status = 413 if isinstance(error, TooLargeError) else 422
        said = f"{str(error)[:1].upper()}{str(error)[1:]}{'' if str(error).endswith('.') else '.'}"
        return page("consent/import.html", visitor, status, view=ImportView(accounts, chosen, said))
    return redirect(f"{HOME}/uploads/{upload_id}")


async def preview(request: Request, visitor: Recording, upload_id: str) -> Response:
    """Show what a file says, line by line, before it is stored."""
    wanted = parse_id(upload_id)
    async with deps_of(request).db.tenant(visitor.scope) as session:
        found = await lists_repository.upload(session, wanted)
        accounts = await lists_repository.accounts(session, kinds_of(request))
    if found is None:
        raise NotFoundError("this file is no longer here")
    account = next((each.name for each in accounts if each.id == found.account_id), "")
    view = PreviewView(found.id, found.name, recording.entries_of(found), found.problems, account)
    return page("consent/preview.html", visitor, view=view)


async def store(request: Request, visitor: Recording, upload_id: str) -> Response:
    """Store the good lines of a file as a list."""
    wanted, who = parse_id(upload_id), Recorder(visitor.member.name, visitor.member.id)
    stored = await deps_of(request).db.run(visitor.scope, lambda s: recording.confirm(s, wanted, who))
    return redirect(f"{HOME}/lists/{stored.list_id}?did=stored")


async def discard(request: Request, visitor: Recording, upload_id: str) -> Response:
    """Forget a file."""
    wanted = parse_id(upload_id)
    await deps_of(request).db.run(visitor.scope, lambda s: recording.discard(s, wanted))
    return redirect(f"{HOME}?did=discarded")


async def show_record(request: Request, visitor: Recording, account: str = "", person: str = "") -> Response:
    """Show the form for one consent."""
    values = {"account": account, "person": storable(person)[:100]}
    return page("consent/record.html", visitor, view=RecordView(await _accounts(request, visitor), values))


async def record(request: Request, visitor: Recording) -> Response:
    """Record one consent."""
    form, accounts = await form_of(request), await _accounts(request, visitor)
    who, db = Recorder(visitor.member.name, visitor.member.id), deps_of(request).db
    errors: dict[str, str] = {}
    try:
        account = _chosen(accounts, form.get("account", ""))
        async with db.tenant(visitor.scope) as session:
            zone = await zone_of(session)
        person_id, evidence = _read(form, account, zone, errors)
        if evidence is not None and not errors:
            name = form.get("name", "").strip()[:NAME_MAX] or None

            async def work(session: TenantSession) -> UUID:
                return await recording.record(session, account.id, "hand", person_id, name, evidence, who)

            return redirect(f"{HOME}/people/{await db.run(visitor.scope, work)}?did=recorded")
    except CsvError as error:
        errors["account"] = str(error)
    except LeftError as error:
        errors["person"] = str(error)
    view = RecordView(accounts, form, {key: f"{said[:1].upper()}{said[1:]}." for key, said in errors.items()})
    return page("consent/record.html", visitor, 422, view=view)


def _read(form: dict[str, str], account: NumberAccount, zone: tzinfo, errors: dict[str, str]) -> tuple[str, Evidence | None]:
    """Return whom a form is about, and the evidence; what is wrong is put into `errors`."""
    person_id, evidence = "", None
    try:
        person_id = read_person_id(form.get("person", ""), region_of(account.digits))
    except PersonIdError as error:
        errors["person"] = str(error)
    try:
        evidence = read_evidence(form, zone, datetime.now(UTC))
    except EvidenceError as error:
        errors |= error.errors
    return person_id, evidence


async def _accounts(request: Request, visitor: Visitor) -> list[NumberAccount]:
    async with deps_of(request).db.tenant(visitor.scope) as session:
        return await lists_repository.accounts(session, kinds_of(request))


def _chosen(accounts: list[NumberAccount], chosen: str) -> NumberAccount:
    """Return the account that was chosen, or the only one."""
    found = next((each for each in accounts if str(each.id) == chosen), accounts[0] if len(accounts) == 1 else None)
    if found is None:
        raise CsvError("choose the number first" if accounts else "connect a number first, on the page of channels")
    return found
