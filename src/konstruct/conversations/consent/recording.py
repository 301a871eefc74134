"""Recording consent: a file with a preview before it counts, one by hand or by a program, attesting, and withdrawing."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

from konstruct.conversations.consent import consents_repository, lists_repository, people_repository
from konstruct.conversations.consent.evidence import Evidence, Purpose
from konstruct.conversations.consent.lists_repository import ConsentList, Upload
from konstruct.conversations.consent.reading_list import Entry, Problem, ReadList
from konstruct.conversations.consent.recorder import Recorder
from konstruct.db.session import TenantSession
from konstruct.kit.errors import ConflictError, KonstructError, NotFoundError

STATEMENT = (
    "I confirm for our business that every person on this list agreed to get such messages from us by WhatsApp, in the words and"
    " on the day recorded here; that we keep the proof named for each, and can show it; and that we bought none of these numbers."
)
"""What an admin confirms of a file. It is stored as it stood on the page."""
STANDING_STATEMENT = (
    "I confirm for our business that a consent is recorded here only for a person who agreed to get such messages from us by"
    " WhatsApp, in the words and on the day recorded with it, and that we keep the proof named for each, and can show it."
)
"""What an admin confirms of what is recorded one by one, before and afterwards."""
LEFT = "this person asked for no more messages: only they can take that back, by sending START to your number. Leave the line out"
"""Said of a line about somebody who left."""
_STANDING_NAMES = {"hand": "Recorded one by one", "api": "Recorded by programs"}


class LeftError(KonstructError):
    """The person asked for no more messages, and nobody else can take that back."""


@dataclass(frozen=True, slots=True)
class Stored:
    """What became of a confirmed file."""

    list_id: UUID
    people: int
    left_out: int


def statement_of(kind: str) -> str:
    """Return what is to be confirmed of a list of this kind."""
    return STATEMENT if kind == "import" else STANDING_STATEMENT


async def preview(session: TenantSession, account_id: UUID, member_id: UUID, name: str, read: ReadList) -> UUID:
    """Keep what was read of a file until it is confirmed; return its id. People who left are among its problems."""
    gone = await people_repository.left(session, account_id, [entry.person_id for entry in read.entries])
    problems = [*read.problems, *(Problem(entry.line, LEFT) for entry in read.entries if entry.person_id in gone)]
    return await lists_repository.keep_upload(
        session,
        account_id,
        member_id,
        name,
        [_kept(entry) for entry in read.entries if entry.person_id not in gone],
        [asdict(problem) for problem in sorted(problems, key=lambda problem: problem.line)],
    )


async def confirm(session: TenantSession, upload_id: UUID, who: Recorder) -> Stored:
    """Store all good lines of a file as a list, in this one transaction; nothing counts before somebody attests to the list.

    Who left since the preview is left out as well. Raises NotFoundError if it was confirmed already, or too long ago, and
    ConflictError if no line is good.
    """
    upload = await lists_repository.take_upload(session, upload_id)
    if upload is None:
        raise NotFoundError("this file is no longer here: it was confirmed already, or a day ago; upload it again")
    entries = entries_of(upload)
    gone = await people_repository.left(session, upload.account_id, [entry.person_id for entry in entries])
    good = [entry for entry in entries if entry.person_id not in gone]
    if not good:
        raise ConflictError("no line of the file can be stored: correct it, and upload it again")
    list_id = await lists_repository.create(session, upload.account_id, upload.name, who)
    people = await people_repository.meet(session, upload.account_id, [(entry.person_id, entry.name) for entry in good])
    given = [(people[entry.person_id], entry.evidence) for entry in good]
    await consents_repository.add(session, list_id, "import", who, given)
    return Stored(list_id, len({contact_id for contact_id, _ in given}), len(upload.problems) + len(entries) - len(good))


async def discard(session: TenantSession, upload_id: UUID) -> None:
    """Forget a file that nobody wants to store. Raises NotFoundError if it is gone already."""
    if await lists_repository.take_upload(session, upload_id) is None:
        raise NotFoundError("this file is no longer here")


async def record(
    session: TenantSession,
    account_id: UUID,
    source: Literal["hand", "api"],
    person_id: str,
    name: str | None,
    evidence: Evidence,
    who: Recorder,
) -> UUID:
    """Record one consent in the account's standing list; return the contact. Raises NotFoundError, LeftError."""
    if not await lists_repository.account_exists(session, account_id):
        raise NotFoundError("this number is not connected")
    if await people_repository.left(session, account_id, [person_id]):
        raise LeftError("this person asked for no more messages: only they can take that back, by sending START to your number")
    list_id = await lists_repository.standing(session, account_id, source, _STANDING_NAMES[source], who)
    contact_id = (await people_repository.meet(session, account_id, [(person_id, name)]))[person_id]
    await consents_repository.add(session, list_id, source, who, [(contact_id, evidence)])
    return contact_id


async def attest(session: TenantSession, list_id: UUID, statement: str, who: Recorder) -> ConsentList:
    """Let `who` vouch for a list in the words of the page; return it. What it holds counts from now on.

    Raises NotFoundError, and ConflictError if the words are not those of this version.
    """
    found = await lists_repository.find(session, list_id)
    if found is None:
        raise NotFoundError(f"there is no list {list_id}")
    if statement != statement_of(found.kind):
        raise ConflictError("the statement has changed since you opened the page: please read it again")
    await lists_repository.attest(session, list_id, statement, who)
    attested = await lists_repository.find(session, list_id)
    assert attested is not None
    return attested


async def withdraw(
    session: TenantSession, contact_id: UUID, source: Literal["hand", "api"], purpose: Purpose, said: str, who: Recorder
) -> UUID:
    """Note that a person wants no such messages any more. Raises NotFoundError."""
    withdrawal_id = await consents_repository.withdraw(session, contact_id, source, purpose, who, said=said)
    if withdrawal_id is None:
        raise NotFoundError(f"there is no contact {contact_id}")
    return withdrawal_id


def entries_of(upload: Upload) -> list[Entry]:
    """Return the good lines of a file."""
    return [_entry(row) for row in upload.rows]


def _kept(entry: Entry) -> dict[str, Any]:
    evidence = entry.evidence
    times = {name: getattr(evidence, name) for name in ("obtained_at", "expires_at")}
    return {
        "line": entry.line,
        "person_id": entry.person_id,
        "name": entry.name,
        "evidence": asdict(evidence) | {name: at.isoformat() if at else None for name, at in times.items()},
    }


def _entry(row: dict[str, Any]) -> Entry:
    evidence = dict(row["evidence"])
    for name in ("obtained_at", "expires_at"):
        evidence[name] = datetime.fromisoformat(evidence[name]).astimezone(UTC) if evidence[name] else None
    return Entry(row["line"], row["person_id"], row["name"], Evidence(**evidence))
