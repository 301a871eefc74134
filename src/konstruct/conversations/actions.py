"""Actions: what a person decides on once, by a button.

Whoever needs a decision offers an action and puts `Action.buttons()` under a message. A press comes back as the action's id
and the name of an option; `decide` believes nothing else of it. It checks that the action belongs to the account that the
press came through, that the presser may decide, and that there is time left, and takes the decision by one UPDATE: of a
thousand presses at once one decides. What the kind's handler does stands or falls with that transaction.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from konstruct.conversations import actions_repository as repository
from konstruct.conversations.actions_repository import Action, Option, Who
from konstruct.db.session import TenantSession
from konstruct.tenants.identities import Presser
from konstruct.tenants.roles import Role, outranks

Verdict = Literal["decided", "already", "expired", "refused", "unknown"]
"""already: somebody has decided before, perhaps this very press. refused: this presser may not. unknown: no such action of
this account, or no such option."""

Handler = Callable[[TenantSession, Action, Presser], Awaitable[str]]
"""Does what was decided (`Action.decision`), in the deciding transaction, without network; returns what came of it, in the
words that take the buttons' place."""
Handlers = Mapping[str, Handler]
"""By kind."""

HAND_OVER = "hand_over"
"""The kind of an action that lets a human answer in the conversation that is its subject."""
LIFETIME_S = 15 * 60.0
KEPT_DAYS = 90


@dataclass(frozen=True, slots=True)
class Decision:
    """What a press came to."""

    verdict: Verdict
    action: Action | None
    """As it is now; None where there is none, or where the presser may not know of it."""

    @property
    def words(self) -> str:
        """What to tell the presser."""
        if self.verdict in ("decided", "already") and self.action is not None and self.action.outcome:
            return self.action.outcome
        return WORDS[self.verdict]


WORDS: dict[Verdict, str] = {
    "decided": "Done.",
    "already": "This has been decided already.",
    "expired": "These buttons are too old: nothing was done. Please ask for them again.",
    "refused": "You may not decide this: nothing was done.",
    "unknown": "These buttons mean nothing here: nothing was done.",
}


def anyone_in(conversation_id: UUID) -> Who:
    """Let whoever has written in the conversation decide."""
    return Who("conversation", conversation_id=conversation_id)


def only(person: str) -> Who:
    """Let one person of the channel decide."""
    return Who("person", person=person)


def members_from(role: Role) -> Who:
    """Let members of the business decide that have `role`, or one above it, and that have linked their identity."""
    return Who("member", least_role=role)


async def offer(
    session: TenantSession,
    *,
    account_id: UUID,
    kind: str,
    subject: str,
    options: Sequence[Option],
    who: Who,
    message_id: UUID | None = None,
    lifetime_s: float = LIFETIME_S,
) -> Action:
    """Store an action that may be decided for `lifetime_s` seconds; return it. Old ones go meanwhile.

    One that is offered to the same people about the same thing, and holds for half its time still, is offered again: a page
    that is shown often does not fill the table.
    """
    await repository.prune(session, KEPT_DAYS)
    if message_id is None:
        known = await repository.find_open(session, account_id, kind, subject, who, lifetime_s / 2)
        if known is not None and known.options == tuple(options):
            return known
    # Random in all its bits: an id of the order of time would tell when others were made.
    action_id = UUID(bytes=secrets.token_bytes(16), version=4)
    return await repository.insert(session, action_id, account_id, kind, subject, options, who, message_id, lifetime_s)


async def decide(
    session: TenantSession, account_id: UUID, action_id: UUID, option: str, presser: Presser, handlers: Handlers
) -> Decision:
    """Decide on an action of the account that the press came through; return what the press came to. Raises what the kind's
    handler raises: then nothing was decided."""
    action = await repository.find(session, action_id)
    known = action is not None and action.account_id == account_id and action.kind in handlers
    if action is None or not known or option not in {each.name for each in action.options}:
        return Decision("unknown", None)
    if not await _may(session, action, presser):
        return Decision("refused", None)
    if action.state == "decided":
        return Decision("already", action)
    decided = await repository.decide(session, action_id, option, presser)
    if decided is None:
        # Somebody was quicker, or its time is over.
        return await _too_late(session, action_id)
    outcome = await handlers[decided.kind](session, decided, presser)
    return Decision("decided", await repository.note_outcome(session, action_id, outcome))


def parse(value: str) -> tuple[UUID, str] | None:
    """Return the action's id and the option's name that a button carries (`Action.button_id`), or None for anything else."""
    text, _, option = value.partition(".")
    if len(text) != 32 or not 1 <= len(option) <= 40:
        return None
    try:
        return UUID(hex=text), option
    except ValueError:
        return None


async def _may(session: TenantSession, action: Action, presser: Presser) -> bool:
    who = action.who
    if who.kind == "person":
        return presser.external_id == who.person
    if who.kind == "member":
        return presser.member is not None and who.least_role is not None and outranks(presser.member.role, who.least_role)
    assert who.conversation_id is not None
    return await repository.has_written(session, who.conversation_id, action.account_id, presser.external_id)


async def _too_late(session: TenantSession, action_id: UUID) -> Decision:
    action = await repository.expire(session, action_id)
    return Decision("already" if action.state == "decided" else "expired", action)
