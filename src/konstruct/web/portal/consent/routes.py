"""Consent: who may be written to first. Lists and people, one person's evidence, attesting and withdrawing."""

from __future__ import annotations

from typing import Annotated, get_args
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import PlainTextResponse, StreamingResponse

from konstruct.conversations.consent import consents_repository, evidence_file, lists_repository, people_repository, recording
from konstruct.conversations.consent.evidence import Purpose
from konstruct.conversations.consent.evidence_file import FORMATS, As
from konstruct.conversations.consent.recorder import Recorder
from konstruct.kit.errors import NotFoundError
from konstruct.kit.ids import parse_id
from konstruct.kit.text import storable
from konstruct.tenants.roles import Permission
from konstruct.web.deps import deps_of
from konstruct.web.portal.consent import filing
from konstruct.web.portal.consent.asking import HOME, kinds_of, redirect
from konstruct.web.portal.consent.view import PURPOSES, SOURCES, HomeView, ListView, PersonRow, PersonView, told_of
from konstruct.web.portal.forms import form_of
from konstruct.web.portal.guard import Visitor, require
from konstruct.web.portal.pages import HEADERS, page

LISTED = 20
PEOPLE = 30
NOTE_MAX = 500
Viewing = Annotated[Visitor, Depends(require(Permission.VIEW_CONSENT))]
Recording = Annotated[Visitor, Depends(require(Permission.RECORD_CONSENT))]
Attesting = Annotated[Visitor, Depends(require(Permission.ATTEST_CONSENT))]


def router() -> APIRouter:
    """Return the routes under /consent."""
    routes = APIRouter(prefix=HOME)
    routes.add_api_route("", home, methods=["GET"])
    filing.add_to(routes)
    routes.add_api_route("/lists/{list_id}", show_list, methods=["GET"])
    routes.add_api_route("/lists/{list_id}/attest", attest, methods=["POST"])
    routes.add_api_route("/lists/{list_id}/evidence", list_evidence, methods=["GET"])
    routes.add_api_route("/people/{contact_id}", show_person, methods=["GET"])
    routes.add_api_route("/people/{contact_id}/withdraw", withdraw, methods=["POST"])
    routes.add_api_route("/people/{contact_id}/evidence", person_evidence, methods=["GET"])
    return routes


async def home(request: Request, visitor: Viewing, q: str = "", before: str = "", behind: str = "", did: str = "") -> Response:
    """Show the lists and the people; or the person whose number is asked for."""
    query = storable(q).strip()[:100]
    async with deps_of(request).db.tenant(visitor.scope) as session:
        accounts = await lists_repository.accounts(session, kinds_of(request))
        if query:
            digits = "".join(sign for sign in query if sign.isdigit()) if not query[:2].isalpha() else query
            found = [row for each in accounts for row in await people_repository.find(session, each.id, digits, PEOPLE)]
            view = HomeView(accounts, [], [PersonRow.of(row) for row in found], query)
        else:
            lists = await lists_repository.newest(session, parse_id(behind) if behind else None, LISTED + 1)
            people = await people_repository.newest(session, parse_id(before) if before else None, PEOPLE + 1)
            view = HomeView(
                accounts,
                lists[:LISTED],
                [PersonRow.of(row) for row in people[:PEOPLE]],
                told=told_of(did),
                older=f"{HOME}?before={people[PEOPLE - 1]['consent_id']}" if len(people) > PEOPLE else None,
                older_lists=f"{HOME}?behind={lists[LISTED - 1].id}" if len(lists) > LISTED else None,
            )
    return page("consent/home.html", visitor, view=view)


async def show_list(request: Request, visitor: Viewing, list_id: str, after: str = "", did: str = "") -> Response:
    """Show a list: where it comes from, who vouches for it, and its people."""
    return await _list(request, visitor, parse_id(list_id), parse_id(after) if after else None, told=told_of(did))


async def attest(request: Request, visitor: Attesting, list_id: str) -> Response:
    """Let the visitor vouch for a list, in the words that stood on the page."""
    form, wanted = await form_of(request), parse_id(list_id)
    if form.get("confirmed") != "yes":
        return await _list(request, visitor, wanted, None, error="Tick the box to confirm it.", status=422)
    who = Recorder(visitor.member.name, visitor.member.id)
    await deps_of(request).db.run(visitor.scope, lambda s: recording.attest(s, wanted, form.get("statement", ""), who))
    return redirect(f"{HOME}/lists/{wanted}?did=attested")


async def list_evidence(request: Request, visitor: Viewing, list_id: str, kind: str = "csv") -> Response:
    """Send the evidence of a list as a file."""
    wanted, chosen, db = parse_id(list_id), _format(kind), deps_of(request).db
    async with db.tenant(visitor.scope) as session:
        if await lists_repository.find(session, wanted) is None:
            raise NotFoundError(f"there is no list {wanted}")
    lines = evidence_file.of_list(db, visitor.scope, wanted, chosen)
    return StreamingResponse(lines, media_type=_media(chosen), headers=_file(f"consent-list-{wanted}.{chosen}"))


async def show_person(request: Request, visitor: Viewing, contact_id: str, did: str = "") -> Response:
    """Show one person's evidence."""
    wanted = parse_id(contact_id)
    async with deps_of(request).db.tenant(visitor.scope) as session:
        contact = await people_repository.contact(session, wanted)
        if contact is None:
            raise NotFoundError(f"there is no contact {wanted}")
        consents = await consents_repository.consents_of(session, wanted)
        withdrawals = await consents_repository.withdrawals_of(session, wanted)
    view = PersonView(contact, PersonRow.of(contact), consents, withdrawals, told_of(did))
    return page("consent/person.html", visitor, view=view, purposes=PURPOSES, sources=SOURCES)


async def withdraw(request: Request, visitor: Recording, contact_id: str) -> Response:
    """Note that a person wants no such messages any more, as they said by telephone or in the shop."""
    form, wanted = await form_of(request), parse_id(contact_id)
    purpose: Purpose = next((each for each in get_args(Purpose) if each == form.get("purpose")), "any")
    note = form.get("note", "").strip()[:NOTE_MAX]
    who = Recorder(visitor.member.name, visitor.member.id)
    await deps_of(request).db.run(visitor.scope, lambda s: recording.withdraw(s, wanted, "hand", purpose, note, who))
    return redirect(f"{HOME}/people/{wanted}?did=withdrawn")


async def person_evidence(request: Request, visitor: Viewing, contact_id: str, kind: str = "csv") -> Response:
    """Send one person's evidence as a file."""
    wanted, chosen = parse_id(contact_id), _format(kind)
    text = await evidence_file.of_person(deps_of(request).db, visitor.scope, wanted, chosen)
    return PlainTextResponse(text, media_type=_media(chosen), headers=_file(f"consent-{wanted}.{chosen}"))


async def _list(
    request: Request, visitor: Visitor, list_id: UUID, after: UUID | None, *, told: str = "", error: str = "", status: int = 200
) -> Response:
    async with deps_of(request).db.tenant(visitor.scope) as session:
        found = await lists_repository.find(session, list_id)
        if found is None:
            raise NotFoundError(f"there is no list {list_id}")
        entries = await consents_repository.page_of_list(session, list_id, after, PEOPLE + 1)
    more = f"{HOME}/lists/{list_id}?after={entries[PEOPLE - 1]['id']}" if len(entries) > PEOPLE else None
    view = ListView(found, recording.statement_of(found.kind), entries[:PEOPLE], more, told, error)
    return page("consent/list.html", visitor, status, view=view, purposes=PURPOSES)


def _format(kind: str) -> As:
    chosen = next((each for each in FORMATS if each == kind), None)
    if chosen is None:
        raise NotFoundError(f"there is no file of kind {kind[:20]}")
    return chosen


def _media(kind: As) -> str:
    return "text/csv; charset=utf-8" if kind == "csv" else "application/json"


def _file(name: str) -> dict[str, str]:
    return {**HEADERS, "Content-Disposition": f'attachment; filename="{name}"'}
