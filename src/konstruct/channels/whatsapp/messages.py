"""What people do in their conversation with a number: they write, choose, react, change and delete what they wrote. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from konstruct.channels import button_names
from konstruct.channels.port import ConversationKind, Ignored, Inbound, InboundMessage
from konstruct.channels.port_events import Deleted, Edited, Pressed, Reacted
from konstruct.channels.whatsapp import attachments, contents, opting, payload
from konstruct.channels.whatsapp.authors import Author
from konstruct.channels.whatsapp.envelope import Change
from konstruct.channels.whatsapp.payload import Payload
from konstruct.conversations import actions


@dataclass(frozen=True, slots=True)
class Post:
    """One entry of `messages`, with what names it."""

    change: Change
    author: Author
    id: str
    kind: str
    message: Payload = field(repr=False)

    @property
    def at(self) -> int | None:
        """When it was written, Unix seconds; when Meta told it, where the message does not say."""
        found = payload.seconds(self.message, "timestamp")
        return self.change.at if found is None else found

    def names(self) -> dict[str, Any]:
        """Return what an event bears that this entry is."""
        return self.change.names(self.id)


def read(change: Change, author: Author, message: Payload) -> Inbound:
    """Return what one entry of `messages` is. Whatever is not known is ignored: Meta adds types as it likes."""
    kind = payload.text(message, "type", 60)
    wamid = payload.identifier(message, "id")
    if wamid is None:
        return Ignored("a message without an id")
    if message.get("group_id"):
        return Ignored("a message of a group")
    if change.display and change.display in author.ids:
        return Ignored("our own message")
    post = Post(change, author, wamid, kind, message)
    if kind in _ACTS:
        return _ACTS[kind](post)
    if kind in contents.WORDS or kind in attachments.KINDS:
        return _said(post)
    return Ignored("a type without work for us")


def _said(post: Post) -> Inbound:
    if post.kind == "interactive":
        if payload.text(payload.mapping(post.message, "interactive"), "type", 60) == "call_permission_reply":
            return Ignored("an answer to a question about calls")
        if (pressed := _pressed(post)) is not None:
            return pressed
    text, files = _content(post.kind, post.message)
    return InboundMessage(
        **post.names(),
        post_keys=(_post_key(post, post.id),),
        conversation_key=post.author.id,
        conversation_kind=ConversationKind.CONTACT,
        sender_id=post.author.id,
        sender_name=post.author.name,
        text=text,
        attachments=files,
        external_id=post.id,
        channel_id=post.author.id,
        thread_id=None,
        addressed=True,
        sent_at=payload.moment(post.at),
        context=_context(post.message),
        aliases=post.author.aliases,
        opt=opting.meaning(post.kind, text),
    )


def _content(kind: str, message: Payload) -> tuple[str, tuple[Mapping[str, Any], ...]]:
    if kind in attachments.KINDS:
        return attachments.caption(message, kind), attachments.of(message, kind)
    return contents.WORDS[kind](message), ()


def _pressed(post: Post) -> Inbound | None:
    """Return the press of one of the house's own buttons, None for any other choice: that is a word of the person's."""
    value = contents.choice_id(post.message)
    if actions.parse(value) is not None:
        name = button_names.ACT
    elif button_names.rating_of(value) is not None:
        name = button_names.RATE
    else:
        return None
    return Pressed(
        **post.names(),
        person_id=post.author.id,
        channel_id=post.author.id,
        thread_id=None,
        external_id=payload.identifier(payload.mapping(post.message, "context"), "id"),
        action=name,
        value=value,
        at=float(post.at or 0),
    )


def _reacted(post: Post) -> Inbound:
    reaction = payload.mapping(post.message, "reaction")
    to = payload.identifier(reaction, "message_id")
    if to is None:
        return Ignored("a reaction to nothing")
    sign = payload.text(reaction, "emoji", 60)
    return Reacted(
        **post.names(), person_id=post.author.id, channel_id=post.author.id, external_id=to, sign=sign, taken_back=not sign
    )


def _edited(post: Post) -> Inbound:
    edit = payload.mapping(post.message, "edit")
    original, now = payload.identifier(edit, "original_message_id"), payload.mapping(edit, "message")
    kind = payload.text(now, "type", 60)
    if original is None or (kind not in contents.WORDS and kind not in attachments.KINDS):
        return Ignored("an edit of nothing that is known")
    text, files = _content(kind, now)
    return Edited(
        **post.names(),
        channel_id=post.author.id,
        external_id=original,
        text=text,
        attachments=files,
        post_key=_post_key(post, original),
        at=payload.moment(post.at).isoformat(),
        addressed=True,
        stranger=False,
    )


def _revoked(post: Post) -> Inbound:
    original = payload.identifier(payload.mapping(post.message, "revoke"), "original_message_id")
    if original is None:
        return Ignored("a deletion of nothing")
    return Deleted(**post.names(), channel_id=post.author.id, external_id=original, post_key=_post_key(post, original))


def _post_key(post: Post, wamid: str) -> str:
    return f"whatsapp:{post.change.number}:post:{wamid}"


def _context(message: Payload) -> tuple[Mapping[str, str], ...]:
    """Return what the message belongs to, ids only: the message that it answers, the advertisement that led here."""
    context, referral = payload.mapping(message, "context"), payload.mapping(message, "referral")
    product = payload.mapping(context, "referred_product")
    found = [
        ("answer_to", payload.identifier(context, "id")),
        ("product", payload.identifier(product, "product_retailer_id")),
        (payload.word(referral, "source_type") or "advertisement", payload.identifier(referral, "source_id")),
    ]
    if context.get("forwarded") is True or context.get("frequently_forwarded") is True:
        found.append(("forwarded", "yes"))
    return tuple({"type": kind, "value": value} for kind, value in found if value is not None)


_ACTS: Mapping[str, Callable[[Post], Inbound]] = {"reaction": _reacted, "edit": _edited, "revoke": _revoked}
