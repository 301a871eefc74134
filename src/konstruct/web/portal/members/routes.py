"""Members: who may sign in to this business, as what, and one's own profile."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from konstruct.kit.errors import ForbiddenError, NotFoundError
from konstruct.kit.ids import parse_id
from konstruct.kit.mail import MailError
from konstruct.tenants import identities, identities_repository, members, members_repository, sessions, sign_in
from konstruct.tenants.members_repository import Member
from konstruct.tenants.roles import ROLES, Permission, outranks
from konstruct.web.deps import Deps, deps_of
from konstruct.web.portal.forms import form_of
from konstruct.web.portal.guard import Visitor, require
from konstruct.web.portal.members.view import MembersView
from konstruct.web.portal.pages import HEADERS, page

log = structlog.get_logger()

HOME = "/settings/members"
Viewing = Annotated[Visitor, Depends(require(Permission.VIEW_MEMBERS))]
Managing = Annotated[Visitor, Depends(require(Permission.MANAGE_MEMBERS))]


def router() -> APIRouter:
    """Return the routes under /settings/members."""
    routes = APIRouter(prefix=HOME)
    routes.add_api_route("", show, methods=["GET"])
    routes.add_api_route("", invite, methods=["POST"])
    routes.add_api_route("/me", change_profile, methods=["POST"])
    routes.add_api_route("/me/link", link_identity, methods=["POST"])
    routes.add_api_route("/me/unlink", unlink_identity, methods=["POST"])
    routes.add_api_route("/{member_id}/role", change_role, methods=["POST"])
    routes.add_api_route("/{member_id}/invite", invite_again, methods=["POST"])
    routes.add_api_route("/{member_id}/sign-out", sign_out, methods=["POST"])
    routes.add_api_route("/{member_id}/remove", remove, methods=["POST"])
    return routes


async def show(request: Request, visitor: Viewing, sent: str = "") -> Response:
    """Show the members and one's own profile."""
    return await _page(request, visitor, MembersView.after(sent))


async def invite(request: Request, visitor: Managing) -> Response:
    """Add a person and mail the invitation."""
    deps, form = deps_of(request), await form_of(request)
    name, email, role = (form.get(field, "") for field in ("name", "email", "role"))
    try:
        added = await members.add(deps.db, visitor.scope, visitor.member, name=name, email=email, role=role)
    except members.MemberError as error:
        view = MembersView(invite={"name": name, "email": email, "role": role}, invite_errors={error.field: str(error)})
        return await _page(request, visitor, view, status=422)
    return await _invited(request, visitor, added)


async def invite_again(request: Request, visitor: Managing, member_id: str) -> Response:
    """Mail another invitation to a member."""
    async with deps_of(request).db.tenant(visitor.scope) as session:
        member = await members_repository.find(session, parse_id(member_id))
    if member is None:
        raise NotFoundError("this business has no such member")
    if not outranks(visitor.member.role, member.role):
        raise ForbiddenError(f"only an owner may invite an {member.role}")
    return await _invited(request, visitor, member)


async def change_profile(request: Request, visitor: Annotated[Visitor, Depends(require(Permission.VIEW_OVERVIEW))]) -> Response:
    """Change one's own name and address."""
    form = await form_of(request)
    name, email = form.get("name", ""), form.get("email", "")
    try:
        await members.change_profile(deps_of(request).db, visitor.scope, visitor.member, name=name, email=email)
    except members.MemberError as error:
        view = MembersView(me={"name": name, "email": email}, me_errors={error.field: str(error)})
        return await _page(request, visitor, view, status=422)
    return _back("profile")


async def link_identity(request: Request, visitor: Annotated[Visitor, Depends(require(Permission.VIEW_OVERVIEW))]) -> Response:
    """Show a code that the visitor types in a channel, to be known there as the member they are."""
    async with deps_of(request).db.tenant(visitor.scope) as session:
        code = await identities.make_code(session, visitor.member.id)
    return await _page(request, visitor, MembersView(code=code))


async def unlink_identity(request: Request, visitor: Annotated[Visitor, Depends(require(Permission.VIEW_OVERVIEW))]) -> Response:
    """Let the channels know the visitor no longer."""
    async with deps_of(request).db.tenant(visitor.scope) as session:
        await identities.unlink(session, visitor.member.id)
    return _back("unlinked")


async def change_role(request: Request, visitor: Managing, member_id: str) -> Response:
    """Give a member another role."""
    form = await form_of(request)
    role, who = form.get("role", ""), parse_id(member_id)
    await members.change_role(deps_of(request).db, visitor.scope, visitor.member, who, role)
    return _back("role")


async def sign_out(request: Request, visitor: Managing, member_id: str) -> Response:
    """End every session of a member."""
    deps, who = deps_of(request), parse_id(member_id)
    async with deps.db.tenant(visitor.scope) as session:
        member = await members_repository.find(session, who)
    if member is None:
        raise NotFoundError("this business has no such member")
    if not outranks(visitor.member.role, member.role):
        raise ForbiddenError("only an owner may sign an owner out")
    await sessions.close_all(deps.db, visitor.scope, who)
    return _back("signed-out")


async def remove(request: Request, visitor: Managing, member_id: str) -> Response:
    """Remove a member."""
    await members.remove(deps_of(request).db, visitor.scope, visitor.member, parse_id(member_id))
    return _back("removed")


async def _invited(request: Request, visitor: Visitor, member: Member) -> Response:
    deps = deps_of(request)
    async with deps.db.tenant(visitor.scope) as session:
        ticket = await sign_in.create_invitation(session, member.id)
    link = sign_in.link_of(deps.settings.public_url, ticket)
    if await _mailed(deps, visitor, member, link):
        return _back("invited")
    return await _page(request, visitor, MembersView(link=link, told="There is no e-mail here: hand this link over yourself."))


async def _mailed(deps: Deps, visitor: Visitor, member: Member, link: str) -> bool:
    if member.email is None:
        return False
    try:
        await deps.mailer.send(member.email, *sign_in.invitation_text(visitor.business, visitor.member, link))
    except MailError as error:
        log.warning("invitation_not_mailed", member_id=str(member.id), error=type(error).__name__)
        return False
    return True


async def _page(request: Request, visitor: Visitor, view: MembersView, status: int = 200) -> Response:
    async with deps_of(request).db.tenant(visitor.scope) as session:
        listed = await members_repository.list_all(session)
        own = await sessions.list_open(session, visitor.member.id)
        known_as = await identities_repository.identities_of(session, visitor.member.id)
    roles = [role for role in ROLES if outranks(visitor.member.role, role)]
    return page("members/members.html", visitor, status, view=view, members=listed, sessions=own, roles=roles, known_as=known_as)


def _back(sent: str) -> RedirectResponse:
    return RedirectResponse(f"{HOME}?sent={sent}", status_code=303, headers=HEADERS)
