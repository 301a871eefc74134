"""The actions that the channels' own pages and commands offer, and what deciding on them does."""

from __future__ import annotations

from uuid import UUID

from konstruct.channels import desk_repository as repository
from konstruct.channels import desk_words as words
from konstruct.conversations import actions, forgetting, ownership, pausing
from konstruct.conversations.actions import Handlers
from konstruct.conversations.actions_repository import Action, Option, Who
from konstruct.conversations.part import Button
from konstruct.conversations.place import Render
from konstruct.db.session import TenantSession
from konstruct.tenants.identities import Presser
from konstruct.tenants.roles import Permission, Role, allows

PAUSERS: Role = "admin"
"""From this role on a member may pause and resume: those who may manage the channels."""
SAID = frozenset(("human", actions.HAND_OVER))
"""Kinds whose handler itself says in the conversation what came of it."""
HOME_LIFETIME_S = 24 * 3600.0
"""A page stays open for a day."""
_PAUSE, _RESUME, _HUMAN = (
    Option("pause", "Pause me", "danger"),
    Option("resume", "Resume me", "primary"),
    Option("ask", "Ask for a human"),
)


def handlers(render: Render) -> Handlers:
    """Return what deciding does, by kind. `render` is the channels' rendering."""

    async def human(session: TenantSession, action: Action, presser: Presser) -> str:
        return await ask_for_human(session, action.account_id, presser.external_id, None, None, render)

    async def hand_over(session: TenantSession, action: Action, _presser: Presser) -> str:
        asked = await ownership.ask_for_human(session, UUID(action.subject), render)
        return words.HUMAN_COMES if asked else words.HUMAN_ALREADY

    return {
        "pause": _paused,
        "resume": _resumed,
        "human": human,
        actions.HAND_OVER: hand_over,
        forgetting.KIND: forgetting.confirmed,
    }


async def pause_button(session: TenantSession, account_id: UUID, *, paused: bool) -> Button:
    """Offer to pause the account's employee, or to resume it, to those who may."""
    kind, option = ("resume", _RESUME) if paused else ("pause", _PAUSE)
    who = actions.members_from(PAUSERS)
    return await _button(session, account_id, kind, str(account_id), option, who)


async def human_button(session: TenantSession, account_id: UUID, person: str) -> Button:
    """Offer a person that a human answers them."""
    return await _button(session, account_id, "human", str(account_id), _HUMAN, actions.only(person))


async def forget_buttons(session: TenantSession, account_id: UUID, person: str, channel_id: str) -> tuple[Button, ...]:
    """Ask a person whether they are to be forgotten; they are told in the channel when it is done."""
    options = (Option("forget", "Forget me", "danger"), Option("keep", "Keep it"))
    who = actions.only(person)
    offered = await actions.offer(
        session, account_id=account_id, kind=forgetting.KIND, subject=channel_id, options=options, who=who
    )
    return tuple(Button(offered.button_id(option), option.label, option.style) for option in offered.options)


async def ask_for_human(
    session: TenantSession, account_id: UUID, person: str, channel_id: str | None, thread_id: str | None, render: Render
) -> str:
    """Let a human answer where the person talks to the employee; return what to say about it."""
    conversation_id = await repository.find_conversation(session, account_id, person, channel_id, thread_id)
    if conversation_id is None:
        return words.NO_CONVERSATION
    asked = await ownership.ask_for_human(session, conversation_id, render)
    return words.HUMAN_COMES if asked else words.HUMAN_ALREADY


async def set_paused(session: TenantSession, account_id: UUID, presser: Presser, *, paused: bool) -> str:
    """Pause or resume the account's employee, for somebody who may; return what to say about it."""
    if presser.member is None or not allows(presser.member.role, Permission.MANAGE_CHANNELS):
        return words.NOT_ADMIN
    if paused:
        fresh = await pausing.pause(session, account_id, presser.member.name)
    else:
        fresh = await pausing.resume(session, account_id)
    me = await repository.read_self(session, account_id)
    assert me is not None  # the account that this came through
    return words.paused_text(me, fresh) if paused else words.resumed_text(me, fresh)


async def _paused(session: TenantSession, action: Action, presser: Presser) -> str:
    return await set_paused(session, action.account_id, presser, paused=True)


async def _resumed(session: TenantSession, action: Action, presser: Presser) -> str:
    return await set_paused(session, action.account_id, presser, paused=False)


async def _button(session: TenantSession, account_id: UUID, kind: str, subject: str, option: Option, who: Who) -> Button:
    offered = await actions.offer(
        session, account_id=account_id, kind=kind, subject=subject, options=(option,), who=who, lifetime_s=HOME_LIFETIME_S
    )
    return Button(offered.button_id(option), option.label, option.style)
