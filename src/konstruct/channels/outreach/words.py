"""Why a message with which the business writes first does not go: a sentence for each word that a check or a writer says."""

from __future__ import annotations

SENTENCES: dict[str, str] = {
    # Templates
    "template_unknown": "This template is not known here. Fetch the templates anew on the page of templates, then choose one.",
    "template_not_approved": "WhatsApp has not approved this template, so it cannot be sent. Choose another one.",
    "template_paused": "WhatsApp has paused this template because people did not like it. Choose another one, or wait.",
    "template_disabled": "WhatsApp has switched this template off. Choose another one.",
    "template_missing": "WhatsApp no longer knows this template. Choose another one.",
    "template_unusable": "This template has pictures, products or codes, which cannot be filled in here. Choose another one.",
    "template_wrong": "WhatsApp did not accept the template as it was filled in. Have a look at it, then try again.",
    "parameter_empty": "Please fill this in.",
    "parameter_broken": "WhatsApp takes no line breaks, tabs or several spaces in a row here.",
    "parameter_long": "This is too long.",
    "body_long": "Filled in like this, the message is longer than the 1,024 characters that WhatsApp takes.",
    "parameters_wrong": "The template has other places to fill in than were sent. Open it again.",
    # How many
    "volume_full": "Everybody whom WhatsApp allows today has been written to, or waits for it. Try again tomorrow.",
    "portfolio_unknown": "It is not known yet which Meta portfolio this number belongs to. Try again in an hour.",
    # The person
    "no_consent": "There is no proof that this person wants such messages, or they have asked to get none. See the page Consent.",
    # The business at Meta
    "not_verified": "Meta has not verified your business yet, so nobody can be written to first. Your channels say what to do.",
    # The account, and whom it is for
    "account_disconnected": "The number is not connected any more. Connect it again on the page of channels.",
    "no_contact": "Nobody is known to whom this message could go.",
    # How the number stands
    "number_paused": "Nobody is written to first from this number now. The page of the number says why, and how to resume.",
    "number_replies_only": "WhatsApp rates this number badly, or restricts it: only replies go out. Its page says more.",
    "number_suspended": "WhatsApp has taken this number away, so nothing is sent from it. Its page says what helps.",
}
"""By the word of `Refused.reason`."""
OTHERWISE = "This message cannot be sent right now."


def sentence(reason: str) -> str:
    """Return the sentence for a refusal's word."""
    return SENTENCES.get(reason, OTHERWISE)
