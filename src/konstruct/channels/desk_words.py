"""What the employee says of itself and of what was asked of it, outside of an answer. Pure.

What its owner told it to do is not repeated to anybody: it may say more than the people of a channel should know.
"""

from __future__ import annotations

from collections.abc import Sequence

from konstruct.channels.desk_repository import Self
from konstruct.channels.port_abilities import Home, Section
from konstruct.conversations.part import Button
from konstruct.tenants.members_repository import Member

COMMANDS = (
    ("help", "what I am and what I can do"),
    ("human", "let a colleague of mine answer, in the conversation we have here"),
    ("forget me", "delete what I know of you"),
    ("pause", "let me answer nobody, until somebody types `resume`; for owners and admins of the business"),
    ("resume", "let me answer again"),
    ("link CODE", "connect yourself with the portal, which shows the code under Members"),
)
PRIVATE = "Only you can see this."
NOT_ADMIN = (
    "Only an owner or admin of the business may do that, and I do not know you as one."
    " If you are, sign in to the portal, open Settings, Members, “Connect my Slack identity”, and type the code here."
)
NO_CONVERSATION = "We have no conversation here yet. Write to me in a direct message, or mention me, then ask again."
HUMAN_ALREADY = "A human colleague has this conversation already."
HUMAN_COMES = "I have asked a human colleague. They will answer in our conversation."
LINKED = "You are connected with the portal now, as {name} ({role})."
NOT_LINKED = "I do not know this code. It works once, for 15 minutes, in the business that made it: please make another one."
FORGET = (
    "I would delete what you wrote to me, what I answered you in direct messages, and your name. Your messages in channels"
    " lose their words in my memory; in Slack itself nothing changes. This cannot be undone."
)
THANKS = "Thank you for telling me."
NOT_YOURS = "Only people who have written in this conversation can rate its answers."


def help_text(me: Self) -> str:
    """Return who the employee is and what can be asked of it."""
    lines = [
        f"I am **{me.draft.name}**, the AI employee of **{me.business}**.",
        "",
        *(f"- {line}" for line in _abilities(me)),
        "",
    ]
    if me.paused_at is not None:
        lines += [_paused(me), ""]
    lines += ["You can type after the command:", *(f"- `{name}`: {what}" for name, what in COMMANDS)]
    return "\n".join(lines)


def paused_text(me: Self, fresh: bool) -> str:
    """Return what to say to whoever paused the employee."""
    if not fresh:
        return f"{me.draft.name} is paused already."
    return f"{me.draft.name} is paused: what people ask is kept for you in the inbox, and they are told so once."


def resumed_text(me: Self, fresh: bool) -> str:
    """Return what to say to whoever resumed the employee."""
    return f"{me.draft.name} answers again, what has waited first." if fresh else f"{me.draft.name} is not paused."


def home_of(me: Self, member: Member | None, may_pause: bool, human: Button, pause: Button | None, told: str = "") -> Home:
    """Return the employee's page as one person sees it. `told`: what just came of a button of it."""
    sections = [
        *([Section("What happened", told)] if told else []),
        *([Section("Paused", _paused(me))] if me.paused_at is not None else []),
        Section("What I can do", "\n".join(f"• {line}" for line in _abilities(me))),
        Section("When colleagues are there", "\n".join(_hours(me))),
        Section(
            "A human, please",
            "A colleague of mine then answers in our direct messages. You can also type `/konstruct human` there.",
            (human,),
        ),
        Section("What I remember of you", "Type `/konstruct forget me`, and I delete it."),
    ]
    if may_pause and member is not None and pause is not None:
        state = "I answer nobody now." if me.paused_at is not None else "I answer whoever asks me."
        sections.append(Section("For you as an admin", f"{state} You are {member.name} ({member.role}).", (pause,)))
    elif member is None:
        sections.append(Section("Do you look after me?", "Connect yourself in the portal, under Members, to pause me from here."))
    return Home(f"{me.draft.name} · {me.business}", tuple(sections))


def _abilities(me: Self) -> Sequence[str]:
    lines = ["Ask me in a direct message, or mention me in a channel; in a thread I was asked in I go on listening."]
    if me.documents:
        lines.append(f"I know {me.documents} {'document' if me.documents == 1 else 'documents'} of {me.business}.")
    if me.draft.languages:
        lines.append(f"I answer in {', '.join(me.draft.languages)}.")
    lines.append("I am an AI and may be wrong: rate an answer below it, and ask for a human whenever you like.")
    return lines


def _hours(me: Self) -> Sequence[str]:
    hours = me.draft.hours
    if hours is None:
        return ["I answer at any hour."]
    return ["I answer at any hour. Colleagues are at work:", *(f"• {line}" for line in hours.lines()), f"({hours.time_zone})"]


def _paused(me: Self) -> str:
    by = f" by {me.paused_by}" if me.paused_by else ""
    return f"I was paused{by}. What you write is kept, and a person of the business can see it."
