"""What the pages of templates and of writing first show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from konstruct.channels.accounts_words import words_of
from konstruct.channels.templates import filling
from konstruct.channels.templates.template import Template
from konstruct.channels.templates.templates_repository import Holder
from konstruct.conversations.contacts_repository import Contact
from konstruct.kit.channel_names import channel_name
from konstruct.web.portal.outreach import words
from konstruct.web.portal.outreach.picker import Picker

MANAGER = "https://business.facebook.com/latest/whatsapp_manager/message_templates"
"""Where a business writes its templates."""


@dataclass(frozen=True, slots=True)
class TemplateLine:
    """A template in the list."""

    template: Template

    @property
    def name(self) -> str:
        """What it is called."""
        return self.template.name

    @property
    def language(self) -> str:
        """In which language it is."""
        return words.language_name(self.template.language)

    @property
    def category(self) -> str:
        """What it is charged as."""
        return words.category_of(self.template.category)

    @property
    def badges(self) -> list[tuple[str, str]]:
        """(words, tone) of its state and its quality."""
        quality = words.quality_of(self.template.quality)
        return [words.state_of(self.template.state), *([quality] if quality else [])]

    @property
    def reason(self) -> str:
        """Why it is in its state, or cannot be sent from here; empty where there is nothing to say."""
        if self.template.reason and not self.template.approved:
            return f"WhatsApp says: {words.reason_of(self.template.reason)}"
        if self.template.approved and not self.template.usable:
            return "It has pictures, products or codes, and cannot be sent from here."
        return ""

    @property
    def header(self) -> str:
        """Its headline as it was written."""
        return filling.piece_of(self.template, "HEADER")

    @property
    def body(self) -> str:
        """Its words as they were written."""
        return filling.piece_of(self.template, "BODY")

    @property
    def buttons(self) -> list[str]:
        """The labels of its buttons."""
        return filling.buttons_of(self.template)


@dataclass(frozen=True, slots=True)
class AccountTemplates:
    """An account and its templates."""

    holder: Holder
    lines: Sequence[TemplateLine]

    @property
    def name(self) -> str:
        """What the account is called."""
        number = f"+{self.holder.phone_number}" if self.holder.phone_number else ""
        return self.holder.account_name or number or self.holder.external_id

    @property
    def channel(self) -> str:
        """Through which channel."""
        return channel_name(self.holder.kind)

    @property
    def failure(self) -> str:
        """Why they could not be fetched; empty if they could."""
        return words_of(self.holder.failure).happened if self.holder.failure else ""

    @property
    def manager(self) -> str:
        """Where the business writes and changes them."""
        return f"{MANAGER}/?waba_id={self.holder.business_account_id}"


class TemplatesView:
    """The page of templates."""

    def __init__(self, holders: Sequence[Holder], listed: Sequence[Template]) -> None:
        """`listed`: of all of them together."""
        self.accounts = [
            AccountTemplates(
                holder,
                [
                    TemplateLine(each)
                    for each in listed
                    if (each.kind, each.business_account_id) == (holder.kind, holder.business_account_id)
                ],
            )
            for holder in holders
        ]

    @property
    def asking(self) -> bool:
        """Whether some are being fetched."""
        return any(each.holder.asking for each in self.accounts)


@dataclass(frozen=True, slots=True)
class WriteView:
    """The page on which one writes to a contact first."""

    contact: Contact
    picker: Picker

    @property
    def name(self) -> str:
        """Whom it is for."""
        return self.contact.display_name or self.contact.external_id
