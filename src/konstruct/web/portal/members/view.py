"""What the members' page says beside the list."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

_TOLD = {
    "invited": "The invitation is on its way. It works once, within seven days.",
    "profile": "Your profile is saved.",
    "role": "The role is changed, from now on.",
    "signed-out": "Signed out everywhere.",
    "removed": "The member is removed and signed out.",
    "unlinked": "You are no longer connected with anybody in a channel.",
}


@dataclass(frozen=True, slots=True)
class MembersView:
    """Forms as they were sent, what was wrong with them, and what was done."""

    told: str = ""
    link: str = ""
    """An invitation that could not be mailed; shown once."""
    code: str = ""
    """What connects the visitor with themselves in a channel; shown once."""
    invite: Mapping[str, str] = field(default_factory=lambda: {"name": "", "email": "", "role": "operator"})
    invite_errors: Mapping[str, str] = field(default_factory=dict)
    me: Mapping[str, str] | None = None
    me_errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def after(cls, what: str) -> Self:
        """Return the view after an act that went well; an unknown word says nothing."""
        return cls(told=_TOLD.get(what, ""))
