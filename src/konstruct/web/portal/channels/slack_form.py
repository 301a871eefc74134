"""The form for a Slack app of one's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from konstruct.channels.accounts import ID, TOKEN, TokenRefusedError
from konstruct.channels.accounts_words import AGAIN, words_of

_FIELDS = {"team": "TE", "app": "A", "bot_user": "UW"}
"""Which letters the ids begin with: those of an organisation with E and W."""
_SHOWN_MAX = 200
OVERLAP = (
    "You have connected the organisation of this workspace, or a workspace of this organisation, already: its messages would come"
    " twice. Disconnect that one first."
)


@dataclass(frozen=True, slots=True)
class SlackForm:
    """What was entered, and what is wrong with it. The token is no part of it: it is shown to nobody."""

    team: str = ""
    app: str = ""
    bot_user: str = ""
    errors: Mapping[str, str] = field(default_factory=dict)
    problem: str = ""
    """What is wrong with none of the fields."""

    @classmethod
    def of(cls, fields: Mapping[str, str]) -> SlackForm:
        """Return the form as it was sent."""
        entered = {name: fields.get(name, "").strip()[:_SHOWN_MAX] for name in _FIELDS}
        return cls(entered["team"], entered["app"], entered["bot_user"])

    def checked(self, token: str) -> SlackForm:
        """Return the form with an error for each field that cannot be right."""
        errors = {
            name: f"Slack's ids are letters and digits, and this one begins with {letters[0]}."
            for name, letters in _FIELDS.items()
            if not ID.fullmatch(getattr(self, name)) or not getattr(self, name).startswith(tuple(letters))
        }
        if not TOKEN.fullmatch(token):
            errors |= {"token": "This holds characters that no token has." if token else "The bot token is needed."}
        return replace(self, errors=errors)

    def refused(self, error: TokenRefusedError) -> SlackForm:
        """Return the form with what Slack says of the token."""
        if not error.asked:
            return replace(self, problem="Slack could not be reached, and nothing was stored. Please try again in a minute.")
        words = words_of(error.code)
        advice = "Copy it from Slack once more." if words.advice == AGAIN else words.advice
        field = "team" if error.wrong_account else "bot_user" if error.wrong_bot else "token"
        return replace(self, errors={field: f"{words.happened} {advice}"})

    def overlapping(self) -> SlackForm:
        """Return the form for a workspace whose organisation the business has connected already, or the other way round."""
        return replace(self, errors={"team": OVERLAP})

    def taken(self) -> SlackForm:
        """Return the form for a workspace that another business has, of which nothing more is said."""
        return replace(
            self,
            errors={
                "team": "This workspace is connected to another business here. If it is yours, have it disconnected there first."
            },
        )
