"""What the pages of a phone show: one typed view per message, per chat and per phone."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from markupsafe import Markup

from konstruct.local.sandbox.businesses import BUSINESSES
from konstruct.local.sandbox.meta.meta import Meta
from konstruct.local.sandbox.meta.model import Chat, Note, Number, Phone, written
from konstruct.local.sandbox.meta.persons import DELETE_S, EDIT_S
from konstruct.local.sandbox.meta.samples import META_BUSINESSES
from konstruct.local.sandbox.meta.wording import words_of
from konstruct.local.sandbox.pages.blocks_html import message_html
from konstruct.local.sandbox.pages.views import Face

HIDDEN = frozenset(("reaction", "edit", "revoke"))
"""What stands at the message that it is about, and nowhere else."""
REACTIONS = ("👍", "❤️", "😂", "🙏")
_PREVIEW = 80


@dataclass(frozen=True, slots=True)
class Quote:
    """The message that another one answers."""

    author: str
    words: str


@dataclass(frozen=True, slots=True)
class NoteView:
    """A message as the person sees it."""

    key: str
    wamid: str
    mine: bool
    type: str
    content: Mapping[str, Any]
    html: Markup
    when: str
    ticks: str
    """Of one's own: `waiting`, `delivered` or `read`; "" of the business's."""
    quote: Quote | None
    edited: bool
    deleted: bool
    reaction: str
    changeable: bool
    removable: bool
    words: str


@dataclass(frozen=True, slots=True)
class ChatView:
    """One line in a phone's list of chats."""

    number: Number
    tint: int
    about: str
    preview: str
    unread: int
    href: str


@dataclass(frozen=True, slots=True)
class PhoneView:
    """A phone in the list of phones."""

    phone: Phone
    face: Face
    shown: str
    """Its number, or that it is hidden."""
    href: str
    preview: str = ""
    chats: Sequence[ChatView] = field(default=())


def phone_path(phone_id: str, phone_number_id: str = "") -> str:
    """Return the address of a phone's page."""
    return f"/sandbox/p/{phone_id}" + (f"/{phone_number_id}" if phone_number_id else "")


def face_of_phone(phone: Phone) -> Face:
    """Return a phone's avatar: initials of the words that begin with a letter."""
    letters = [word[0] for word in phone.name.split() if word[0].isalpha()] or [phone.name[0]]
    return Face(phone.name, phone.about, "".join(dict.fromkeys((letters[0], letters[-1]))).upper(), phone.tint)


def phone_view(meta: Meta, phone: Phone, at: str = "") -> PhoneView:
    """Return a phone with its chats."""
    chats = [chat_view(meta, phone, number) for number in numbers_of(meta, phone)]
    shown = written(phone.digits) if phone.shows_number else f"@{phone.username or phone.phone_id}, number hidden"
    preview = next((chat.preview for chat in chats if chat.preview), "")
    return PhoneView(phone, face_of_phone(phone), shown, phone_path(phone.phone_id, at), preview, chats)


def numbers_of(meta: Meta, phone: Phone) -> list[Number]:
    """Return the numbers that a phone can write to: those that are registered, and those that it has written with."""
    store = meta.store
    return [
        number
        for number in store.businesses.all_numbers()
        if number.pin is not None or store.notes.chat(phone.phone_id, number.phone_number_id, 1)
    ]


def chat_view(meta: Meta, phone: Phone, number: Number) -> ChatView:
    """Return a chat's line."""
    _, portfolio = meta.store.businesses.owner(number)
    notes = [note for note in meta.store.notes.chat(phone.phone_id, number.phone_number_id, 20) if note.type not in HIDDEN]
    last = notes[-1] if notes else None
    preview = ("Deleted message" if last.deleted else words_of(last.type, last.content)) if last else ""
    unread = len([note for note in notes if note.from_business and note.state in ("sent", "delivered")])
    href = phone_path(phone.phone_id, number.phone_number_id)
    return ChatView(number, portfolio.tint, portfolio.about, preview[:_PREVIEW], unread, href)


def note_view(meta: Meta, number: Number, note: Note, untaken: frozenset[str]) -> NoteView:
    """Return a message. `untaken`: the messages that the app has not taken so far."""
    mine, age = not note.from_business, time.time() - note.at
    words = str(note.content.get("body") or note.content.get("caption") or "")
    waiting = note.wamid in untaken
    return NoteView(
        key=f"n{note.id}",
        wamid=note.wamid,
        mine=mine,
        type=note.type,
        content=note.content,
        html=message_html(words, "whatsapp", {}),
        when=datetime.fromtimestamp(note.at, UTC).isoformat(timespec="seconds"),
        ticks="" if not mine else "waiting" if waiting else note.state,
        quote=_quote(meta, number, note.context),
        edited=note.edited,
        deleted=note.deleted,
        reaction=note.reaction,
        changeable=mine and note.type == "text" and not note.deleted and age < EDIT_S,
        removable=mine and not note.deleted and note.type not in ("system", "call") and age < DELETE_S,
        words=words_of(note.type, note.content),
    )


def _quote(meta: Meta, number: Number, wamid: str | None) -> Quote | None:
    quoted = meta.store.notes.get(wamid) if wamid else None
    if quoted is None:
        return None
    author = number.verified_name if quoted.from_business else "You"
    return Quote(author, "Deleted message" if quoted.deleted else words_of(quoted.type, quoted.content)[:_PREVIEW])


def notes_of(meta: Meta, phone: Phone, number: Number) -> list[NoteView]:
    """Return the messages of a chat that are shown, oldest first."""
    untaken = untaken_of(meta, number)
    notes = meta.store.notes.chat(phone.phone_id, number.phone_number_id)
    return [note_view(meta, number, note, untaken) for note in notes if shown(note)]


def shown(note: Note) -> bool:
    """Return whether a message stands in the chat: what failed never reached the phone."""
    return note.type not in HIDDEN and not (note.from_business and note.state in ("accepted", "failed", "sent"))


def untaken_of(meta: Meta, number: Number) -> frozenset[str]:
    """Return the messages to a number that the app has refused or missed so far."""
    return frozenset(meta.sandbox.outbox.untaken_threads(number.phone_number_id))


@dataclass(frozen=True, slots=True)
class Standing:
    """What stands below the messages: is the business writing, may it write, may the person."""

    chat: Chat
    typing: bool
    typing_until: float
    """Real Unix seconds."""
    window: str
    """How long the business may still answer freely, in words; "" where it may not."""


def standing_of(meta: Meta, phone: Phone, number: Number) -> Standing:
    """Return what stands below the messages of a chat."""
    chat, now = meta.store.phones.chat(phone.phone_id, number.phone_number_id), meta.now()
    left_s = chat.window_until - now
    hours, minutes = divmod(int(left_s // 60), 60)
    window = "" if left_s <= 0 else f"{hours} h {minutes:02d} min" if hours else f"{minutes} min"
    offset_s = meta.sandbox.control.offset_s()
    return Standing(chat, chat.typing_until > now, chat.typing_until - offset_s, window)


def prompts_of(number: Number) -> tuple[str, ...]:
    """Return questions to try."""
    slug = next((each.slug for each in META_BUSINESSES if each.number.phone_number_id == number.phone_number_id), "")
    return next((business.prompts for business in BUSINESSES if business.workspace.slug == slug), ())
