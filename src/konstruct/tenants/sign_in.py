"""Signing in by a one-time link or a typed code. Only hashes are stored.

A printed link (of a command) works in whichever browser opens it first. A link asked for by e-mail works only in the
browser that asked: a forwarded mail opens nothing, and a code may be typed there instead.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from uuid import UUID

import structlog

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.tenants import members, members_repository, sessions, tickets
from konstruct.tenants import sign_in_repository as repository
from konstruct.tenants.members_repository import Member

log = structlog.get_logger()

PRINTED_LIFETIME = timedelta(minutes=30)
EMAIL_LIFETIME = timedelta(minutes=10)
"""OWASP ASVS 5.0, 6.5.5: codes out of band live at most 10 minutes."""
INVITATION_LIFETIME = timedelta(days=7)
ATTEMPTS = 5
"""Wrong codes before the code is over: 5 in a million."""
MAILS = 5
MAILS_WITHIN = timedelta(minutes=15)
"""Most sign-in mails that one member gets in this time."""
BUSINESSES = 10
"""Most businesses that one mail offers to sign in to."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A way into one business for the person who asked by e-mail."""

    scope: TenantScope
    business: str
    name: str = field(repr=False)
    code: str = field(repr=False)
    ticket: str = field(repr=False)


async def create_link(db: Database, scope: TenantScope, public_url: str) -> str:
    """Return the address of a new one-time link for the tenant's oldest owner, who is made if there is none."""
    async with db.tenant(scope) as session:
        owner = await members_repository.first_owner(session) or await members.add_owner(session)
        secret = tickets.new_secret()
        await repository.insert(session, owner, "printed", secret, PRINTED_LIFETIME)
    return link_of(public_url, tickets.join(scope, secret))


async def create_invitation(session: TenantSession, member_id: UUID) -> str:
    """Return the ticket of a new invitation of a member."""
    secret = tickets.new_secret()
    await repository.insert(session, member_id, "invitation", secret, INVITATION_LIFETIME)
    return tickets.join(session.scope, secret)


def link_of(public_url: str, ticket: str) -> str:
    """Return the address at which a ticket is used."""
    return f"{public_url.rstrip('/')}/sign-in/{ticket}"


async def ask_by_email(db: Database, email: str, browser: str) -> list[Offer]:
    """Make a link and a code for each business in which `email` is a member; they work with the secret `browser` only.

    Empty for an address that is nobody's, or that has had its share of mails. Whoever asks must not learn which.
    """
    offers = []
    for scope in await members_repository.businesses_of(db, members.email_hash(email), BUSINESSES):
        # A transaction for each: no login sees two tenants at once. It is one business, but for a very busy person.
        async with db.tenant(scope) as session:
            if offer := await _offer(session, email, browser):
                offers.append(offer)
    return offers


async def _offer(session: TenantSession, email: str, browser: str) -> Offer | None:
    member = await members_repository.find_by_email(session, email)
    if member is None or await repository.count_mails(session, member.id, MAILS_WITHIN) >= MAILS:
        return None
    secret, code = tickets.new_secret(), tickets.new_code()
    hashes = _code_digest(code, browser), tickets.digest(browser)
    await repository.insert(session, member.id, "email", secret, EMAIL_LIFETIME, *hashes)
    business = await repository.business(session)
    return Offer(session.scope, business, member.name, code, tickets.join(session.scope, secret))


async def use_link(db: Database, ticket: str, browser: str, user_agent: str) -> str | None:
    """Use a link up; return the ticket of a new session, or None if the link does not work (here).

    `browser` is the secret that this browser got when it asked by e-mail; empty if it did not.
    """
    parsed = tickets.split(ticket)
    if parsed is None:
        return None
    scope, secret = parsed
    async with db.tenant(scope) as session:
        if not await repository.is_active(session):
            return None
        member_id = await repository.use(session, tickets.digest(secret), tickets.digest(browser))
        return await _enter(session, member_id, user_agent)


async def use_code(db: Database, email: str, code: str, browser: str, user_agent: str) -> str | None:
    """Use a typed code up; return the ticket of a new session, or None. A wrong one counts against every open code."""
    digits = "".join(code.split())
    if len(digits) != 6 or not digits.isascii() or not digits.isdigit() or not browser:
        return None
    for scope in await members_repository.businesses_of(db, members.email_hash(email), BUSINESSES):
        async with db.tenant(scope) as session:
            hashes = _code_digest(digits, browser), tickets.digest(browser)
            member_id = await repository.use_code(session, *hashes, ATTEMPTS)
            if member_id is not None:
                return await _enter(session, member_id, user_agent)
            await repository.count_attempt(session, tickets.digest(browser))
    return None


async def bound_elsewhere(db: Database, ticket: str, browser: str) -> bool:
    """Return whether a link is alive and waits for another browser than the one with the secret `browser`."""
    parsed = tickets.split(ticket)
    if parsed is None:
        return False
    scope, secret = parsed
    async with db.tenant(scope) as session:
        bound = await repository.browser_of(session, tickets.digest(secret))
    return bound is not None and bound != tickets.digest(browser)


async def _enter(session: TenantSession, member_id: UUID | None, user_agent: str) -> str | None:
    if member_id is None:
        return None
    log.info("signed_in", tenant_id=str(session.scope.tenant_id), member_id=str(member_id))
    return await sessions.open_session(session, member_id, user_agent)


def _code_digest(code: str, browser: str) -> bytes:
    # Six digits alone could be found from their hash at once; the browser's secret is not in the database.
    return tickets.digest(f"{code}.{browser}")


def invitation_text(business: str, inviter: Member, link: str) -> tuple[str, str]:
    """Return subject and text of an invitation."""
    subject = f"{inviter.name} invites you to {business} on Konstruct"
    text = (
        f"Hello,\n\n{inviter.name} has added you to {business} on Konstruct, where its AI employee works.\n\n"
        f"Open this link to sign in. It works once, within seven days:\n\n{link}\n\n"
        "If you did not expect this, you can ignore it.\n"
    )
    return subject, text


def sign_in_text(offers: list[Offer], public_url: str) -> tuple[str, str]:
    """Return subject and text of the mail that lets a person in."""
    lines = ["Hello,\n"]
    for offer in offers:
        lines.append(f"Your code for {offer.business}: {offer.code}")
        lines.append(f"Or open this link in the browser where you asked for it: {link_of(public_url, offer.ticket)}\n")
    lines.append("It works once, within 10 minutes. If you did not ask for it, you can ignore this mail.\n")
    return f"Sign in to {offers[0].business if len(offers) == 1 else 'Konstruct'}", "\n".join(lines)
