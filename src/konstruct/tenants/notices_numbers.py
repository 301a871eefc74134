"""Troubles of a number at a provider that rates it, in words for the owner of a shop."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

from konstruct.kit.channel_names import channel_name
from konstruct.tenants.notices import Kind, Severity, Trouble

Stopped = Literal["no_outreach", "replies_only", "suspended"]
KINDS: dict[Stopped, Kind] = {
    "no_outreach": "number_paused",
    "replies_only": "number_replies_only",
    "suspended": "number_suspended",
}
"""One notice for each way in which a number may be stopped: a graver one is a new notice, and is mailed at once."""
_SEVERITY: dict[Stopped, Severity] = {"no_outreach": "warning", "replies_only": "critical", "suspended": "critical"}
_TITLE: dict[Stopped, str] = {
    "no_outreach": "{name} {place} writes to nobody first now",
    "replies_only": "{name} {place} sends replies only",
    "suspended": "{name} {place} is suspended",
}
_HAPPENED: dict[Stopped, str] = {
    "no_outreach": "Too many people did not want what was sent, or the provider has warned us. Your employee goes on answering"
    " everybody who writes; messages with which you write first are stopped, so that the number is not lost.",
    "replies_only": "The provider rates the number badly, or restricts it. Your employee goes on answering everybody who writes;"
    " nothing else is sent. If it goes on like this the number is taken away.",
    "suspended": "The provider has taken the number away. Nothing is sent from it any more; all conversations are kept, and you"
    " can read them. Appeal at the provider today, and connect a replacement number if you need one.",
}
_BY_A_PERSON = " Look at why, and resume it yourself: it does not resume by itself."
_BY_ITSELF = " It resumes by itself when the provider has been content for a day."


def number_stands(account_id: UUID, kind: str, place: str, level: Stopped, *, held: bool) -> Trouble:
    """A number may be used less than before. `held`: a person has to look into it before anybody is written to first."""
    name = channel_name(kind)
    return Trouble(
        KINDS[level],
        str(account_id),
        _SEVERITY[level],
        _TITLE[level].format(name=name, place=place[:60]),
        _HAPPENED[level] + (_BY_A_PERSON if held else _BY_ITSELF),
        f"/channels/{account_id}/quality",
    )


def priced_as_ai(account_id: UUID, kind: str, place: str) -> Trouble:
    """The provider bills a message as that of a general-purpose AI: it has taken the business for one."""
    name = channel_name(kind)
    return Trouble(
        "number_priced_as_ai",
        str(account_id),
        "critical",
        f"{name} takes {place[:60]} for a general AI service",
        f"{name} has billed a message of this number as one of a general-purpose AI. It does not allow such services, and may"
        " take the number away. Your employee must talk about your business only: look at what it was asked and answered, then"
        " tell your operator.",
        f"/channels/{account_id}/quality",
    )
