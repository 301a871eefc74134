"""The troubles there are, in words for the owner of a shop. Nothing in them comes from a message."""

from __future__ import annotations

from datetime import date
from uuid import UUID

from konstruct.kit.channel_names import channel_name
from konstruct.tenants.notices import Trouble


def channel_broken(account_id: UUID, kind: str, external_id: str) -> Trouble:
    """A provider no longer accepts an account's credential."""
    name = channel_name(kind)
    return Trouble(
        "channel_broken",
        str(account_id),
        "critical",
        f"{name} has to be connected again",
        f"{name} no longer accepts the access to {external_id[:100]}. Answers are kept for a day, and go out in order once you"
        " have connected it again. Older ones are not sent any more.",
        "/channels",
    )


def portfolio_shared(account_id: UUID) -> Trouble:
    """A number turned out to belong to what another business here has connected. Nothing is said of which."""
    return Trouble(
        "portfolio_shared",
        str(account_id),
        "critical",
        "A WhatsApp number shares its Meta portfolio with another business",
        "Meta limits and blocks a portfolio as a whole, so each business needs one of its own. The number neither sends nor"
        " answers now. Move it to your own portfolio at Meta, then connect it again; your operator can help.",
        "/channels",
    )


def token_expiring(account_id: UUID, kind: str, days: int) -> Trouble:
    """An account's access ends soon, and nothing but a person can prolong it."""
    name, when = channel_name(kind), "today" if days < 1 else "tomorrow" if days == 1 else f"in {days} days"
    return Trouble(
        "token_expiring",
        str(account_id),
        "critical" if days <= 3 else "warning",
        f"The access to {name} ends {when}",
        f"{name} gave your employee access for a limited time. Connect it again before it ends: that takes a minute, keeps"
        " everything, and nothing that people write is lost meanwhile.",
        f"/channels/{account_id}",
    )


def turn_failed(conversation_id: UUID) -> Trouble:
    """A question was given up after several attempts. One notice for all of them: a bad hour has many."""
    return Trouble(
        "turn_failed",
        "turns",
        "warning",
        "A question could not be answered",
        "Your employee tried several times and gave up; the person was told so. Have a look, and answer yourself if it matters.",
        f"/inbox/{conversation_id}",
    )


def delivery_failed(conversation_id: UUID) -> Trouble:
    """An answer could not be shown. One notice for all of them."""
    return Trouble(
        "delivery_failed",
        "deliveries",
        "warning",
        "An answer did not get through",
        "The answer was written, but the channel did not take it. Have a look at the conversation; the person may still wait.",
        f"/inbox/{conversation_id}",
    )


def payment_wanted(account_id: UUID) -> Trouble:
    """A provider does not send any more before it is paid. One notice for each account."""
    return Trouble(
        "payment_wanted",
        str(account_id),
        "critical",
        "WhatsApp does not send until the payment is settled",
        "Meta refuses your messages because of the payment: a method is missing, or a bill is open. Settle it in Meta's"
        " Business Manager, under Billing; new answers then go out again.",
        "/channels",
    )


def human_wanted(conversation_id: UUID) -> Trouble:
    """Somebody asked to talk to a human. One notice for each conversation: each is a person who waits."""
    return Trouble(
        "human_wanted",
        str(conversation_id),
        "warning",
        "Somebody asks for a human",
        "Your employee keeps silent in this conversation now, and the person was told that a colleague will answer.",
        f"/inbox/{conversation_id}",
    )


def answer_waits(conversation_id: UUID) -> Trouble:
    """An answer waits for a reply window that is closed. One notice for each conversation: each is a person who waits."""
    return Trouble(
        "answer_waits",
        str(conversation_id),
        "warning",
        "Somebody waits for an answer that WhatsApp does not let through: send a template",
        "More than a day has passed since they wrote. The answer is kept for a day, and goes out as soon as they write again;"
        " until then only a template gets through to them.",
        f"/inbox/{conversation_id}",
    )


def budget_low(period: date, percent: int) -> Trouble:
    """Most of a month's budget is spent."""
    return Trouble(
        "budget_low",
        f"{period:%Y-%m}",
        "warning",
        f"{percent} % of the budget for {period:%B} is spent",
        "When all of it is spent, your employee no longer answers until the month ends or the budget is raised.",
        "/usage",
    )


def budget_spent(period: date) -> Trouble:
    """A month's budget is spent: questions are refused."""
    return Trouble(
        "budget_spent",
        f"{period:%Y-%m}",
        "critical",
        f"The budget for {period:%B} is spent",
        "Your employee tells people that it cannot answer now. It goes on when the budget is raised, or with the next month.",
        "/usage",
    )


def document_failed(document_id: UUID, title: str) -> Trouble:
    """An uploaded document could not be read."""
    return Trouble(
        "document_failed",
        str(document_id),
        "warning",
        "A document could not be read",
        f"Your employee does not know what is in “{title[:120]}”. Look at why, then upload it again or delete it.",
        f"/knowledge/{document_id}",
    )
