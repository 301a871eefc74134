"""Presses and dialogs: a rating of an answer with what was wrong with it, and a decision on an action."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from uuid import NAMESPACE_OID, UUID, uuid5

from konstruct.channels import button_names, desk_actions, desk_repository, desk_words
from konstruct.channels.desk_home import HomePage
from konstruct.channels.events_handling import Received
from konstruct.channels.port_abilities import Dialog, PrivateNote
from konstruct.channels.port_events import Pressed, Submitted
from konstruct.channels.telling import Telling
from konstruct.conversations import actions, actions_repository, ratings
from konstruct.conversations import place as places
from konstruct.conversations.actions import Decision
from konstruct.conversations.place import Render
from konstruct.db.database import Database
from konstruct.db.session import TenantSession, UniqueViolation
from konstruct.tenants import identities

DIALOG_WITHIN_S = 2.0
"""A dialog has to be open three seconds after the press; what has waited for longer is not asked."""


class Presses:
    """Handles presses and dialogs; keeps nothing between them."""

    def __init__(self, db: Database, telling: Telling, home: HomePage, render: Render) -> None:
        self._db = db
        self._telling = telling
        self._home = home
        self._render = render
        self._handlers = desk_actions.handlers(render)

    async def pressed(self, received: Received) -> None:
        """Do what the pressed button means. Done again after a crash, it changes nothing more."""
        event: Pressed = received.event
        if event.action == button_names.RATE:
            await self._rate(received, event)
        elif event.action.startswith(button_names.ACT):
            await self._decide(received, event)
        elif event.action == button_names.ASK_HUMAN and event.channel_id is not None:
            await self._ask_for_human(received, event, event.channel_id)

    async def submitted(self, received: Received) -> None:
        """Keep what a dialog brought."""
        event: Submitted = received.event
        delivery_id = button_names.id_of(event.context)
        if event.dialog != button_names.WHY or delivery_id is None:
            return
        text, account_id = event.values.get(button_names.WHY_FIELD, ""), received.account_id
        await self._db.run(received.scope, lambda s: ratings.comment(s, account_id, delivery_id, event.person_id, text))

    async def _rate(self, received: Received, event: Pressed) -> None:
        pressed = button_names.rating_of(event.value)
        if pressed is None:
            return
        good, delivery_id = pressed
        account_id, at = received.account_id, _moment(received, event)
        rated = await self._db.run(
            received.scope, lambda s: ratings.rate(s, account_id, delivery_id, event.person_id, good=good, pressed_at=at)
        )
        if rated == "refused":
            await self._say(received, event, desk_words.NOT_YOURS)
        elif good or not await self._ask_why(received, event, delivery_id):
            await self._say(received, event, desk_words.THANKS)

    async def _ask_why(self, received: Received, event: Pressed, delivery_id: UUID) -> bool:
        """Ask in a dialog what was wrong; False if it is too late for that."""
        if event.trigger is None or received.attempt > 1 or received.age_s > DIALOG_WITHIN_S:
            return False
        dialog = Dialog(
            name=button_names.WHY,
            title="What was wrong?",
            question="What was wrong with this answer?",
            field_name=button_names.WHY_FIELD,
            submit="Send",
            context=str(delivery_id),
            placeholder="The business reads it, and nobody else.",
            longest=ratings.COMMENT_MAX,
        )
        return await self._telling.dialog(received.scope, received.account_id, dialog, event.trigger)

    async def _decide(self, received: Received, event: Pressed) -> None:
        decision = await self._db.run(received.scope, lambda s: self._decided(s, received.account_id, event))
        if event.channel_id is None:
            # A button of the page, which is shown anew: with what came of it, and the buttons that fit now.
            await self._home.show(received.scope, received.account_id, event.person_id, decision.words)
        elif decision.action is None or decision.action.message_id is None:
            over = decision.verdict in ("decided", "already", "expired")
            await self._say(received, event, decision.words, replace=over, said=_said(decision))
        else:
            await self._redraw(received, decision, decision.action.message_id)
            if decision.verdict != "decided":
                await self._say(received, event, decision.words)
            else:
                await self._answer(received, event, decision.words, said=_said(decision))

    async def _decided(self, session: TenantSession, account_id: UUID, event: Pressed) -> Decision:
        named = actions.parse(event.value)
        if named is None:
            return Decision("unknown", None)
        presser = await identities.presser(session, account_id, event.person_id)
        return await actions.decide(session, account_id, *named, presser, self._handlers)

    async def _redraw(self, received: Received, decision: Decision, message_id: UUID) -> None:
        """Let the message that shows an action say what came of it: the one that our rows name, whatever was pressed."""

        async def work(session: TenantSession) -> tuple[str, str, str] | None:
            shown = await actions_repository.shown_at(session, message_id)
            text = await desk_repository.text_of(session, message_id)
            return (shown["channel_id"], shown["external_id"], text) if shown else None

        found = await self._db.run(received.scope, work)
        if found is not None:
            channel_id, external_id, text = found
            told = f"{text}\n\n{decision.words}"
            await self._telling.redraw(received.scope, received.account_id, channel_id, external_id, told)

    async def _ask_for_human(self, received: Received, event: Pressed, channel_id: str) -> None:
        account_id, thread = received.account_id, event.thread_id
        said = await self._db.run(
            received.scope,
            lambda s: desk_actions.ask_for_human(s, account_id, event.person_id, channel_id, thread, self._render),
        )
        await self._say(received, event, said)

    async def _answer(self, received: Received, event: Pressed, text: str, *, said: bool = False) -> bool:
        """Say something in the conversation of one contact, in which nobody else reads along, unless it is `said` there already;
        False for a press in any other place.

        Done again after a crash, it is said once: what is sent is named by the press.
        """
        channel_id, sent_as = event.channel_id, uuid5(NAMESPACE_OID, event.event_key)
        if channel_id is None:
            return False

        async def work(session: TenantSession) -> bool:
            conversation_id = await desk_repository.contact_conversation(session, received.account_id, channel_id)
            if conversation_id is None or said:
                return conversation_id is not None
            place = await places.lock(session, conversation_id)
            if parts := place.parts(self._render, text):
                await places.say(session, place, "notice", text, parts, owner_epoch=place.owner_epoch, first_id=sent_as)
            return True

        try:
            return await self._db.run(received.scope, work)
        except UniqueViolation:
            return True

    async def _say(self, received: Received, event: Pressed, text: str, *, replace: bool = False, said: bool = False) -> None:
        if await self._answer(received, event, text, said=said):
            return
        note = PrivateNote(
            event.person_id,
            text,
            reply_url=event.reply_url,
            replace=replace,
            channel_id=event.channel_id,
            thread_id=event.thread_id,
        )
        await self._telling.privately(received.scope, received.account_id, note)


def _said(decision: Decision) -> bool:
    """Return whether the handler itself has said in the conversation what came of it."""
    return decision.verdict == "decided" and decision.action is not None and decision.action.kind in desk_actions.SAID


def _moment(received: Received, event: Pressed) -> datetime:
    """Return when the button was pressed, by the provider's clock; where it does not say, when the press came in."""
    if event.at > 0:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=event.at)
    return datetime.now(UTC) - timedelta(seconds=received.age_s)
