"""The errors of the Graph API and of the Cloud API on it, as they are answered."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Known:
    """One code: its HTTP status, its title, and what `error_data.details` says unless somebody knows better."""

    status: int
    title: str
    details: str = ""
    subcode: int | None = None
    type: str = "OAuthException"


_PERMISSION = "Permission is either not granted or has been removed."
_TEMPLATE = "The template's parameters do not fit the template."
ERRORS: dict[int, Known] = {
    0: Known(401, "AuthException", "The app user could not be authenticated."),
    1: Known(400, "API Unknown", "Invalid request or possible server error."),
    2: Known(503, "API Service", "Temporary due to downtime or due to being overloaded."),
    3: Known(500, "API Method", "Capability or permissions issue."),
    4: Known(400, "Application request limit reached", "The app has reached its API call rate limit."),
    10: Known(403, "Application does not have permission for this action", _PERMISSION),
    33: Known(400, "Parameter value is not valid", "The business phone number has been deleted."),
    100: Known(400, "Invalid parameter", "The request included one or more unsupported or misspelled parameters."),
    190: Known(401, "Invalid OAuth access token.", "Your access token has expired.", 463),
    200: Known(403, "Permissions error", _PERMISSION),
    294: Known(403, "Managing this object requires an extended permission", _PERMISSION),
    368: Known(403, "Temporarily blocked for policies violations", "The business account has been restricted or disabled."),
    2500: Known(400, "Unknown path components", ""),
    2635: Known(400, "You are calling a deprecated version of the API", ""),
    80007: Known(429, "Rate limit issues", "The WhatsApp Business Account has reached its rate limit."),
    130429: Known(429, "Rate limit hit", "Cloud API message throughput has been reached."),
    130472: Known(400, "User's number is part of an experiment", "Message was not sent as part of an experiment."),
    130497: Known(403, "Business account is restricted from messaging users in this country.", "This country is restricted."),
    131000: Known(500, "Something went wrong", "Message failed to send due to an unknown error."),
    131005: Known(403, "Access denied", _PERMISSION),
    131008: Known(400, "Required parameter is missing", "The request is missing a required parameter."),
    131009: Known(400, "Parameter value is not valid", "One or more parameter values are invalid."),
    131016: Known(503, "Service unavailable", "A service is temporarily unavailable."),
    131021: Known(400, "Recipient cannot be sender", "Sender and recipient phone number is the same."),
    131026: Known(400, "Message undeliverable", "Unable to deliver message."),
    131031: Known(403, "Business Account locked", "The account was restricted or disabled for violating a platform policy."),
    131037: Known(400, "Display name approval is needed before a message can be sent", "The display name is not approved."),
    131042: Known(400, "Business eligibility payment issue", "There was an error related to your payment method."),
    131045: Known(500, "Incorrect certificate", "Message failed to send due to a phone number registration error."),
    131047: Known(
        400, "Re-engagement message", "More than 24 hours have passed since the recipient last replied to the sender number."
    ),
    131048: Known(429, "Spam rate limit hit", "There are restrictions on how many messages can be sent from this phone number."),
    131049: Known(400, "Meta chose not to deliver", "This message was not delivered to maintain healthy ecosystem engagement."),
    131050: Known(400, "User has stopped marketing messages", "The user has stopped marketing messages from this business."),
    131051: Known(400, "Unsupported message type", "Message type is currently not supported."),
    131052: Known(400, "Media download error", "Unable to download the media sent by the user."),
    131053: Known(400, "Media upload error", "Unable to upload the media used in the message."),
    131056: Known(
        429,
        "(Business Account, Consumer Account) pair rate limit hit",
        "Too many messages from this phone number to the same phone number in a short period of time.",
    ),
    131057: Known(500, "Account in maintenance mode", "Business Account is in maintenance mode."),
    131062: Known(
        400, "A phone number is needed", "Authentication templates cannot be sent to a business-scoped user ID: give the number."
    ),
    131064: Known(
        429, "Messaging limit reached", "The portfolio has written to as many people as it may within a moving 24 hours."
    ),
    132000: Known(400, "Number of parameters does not match the expected number of params", _TEMPLATE),
    132001: Known(404, "Template name does not exist in the translation", "The template does not exist or is not approved."),
    132005: Known(400, "Translated text too long", _TEMPLATE),
    132007: Known(400, "Template format character policy violated", _TEMPLATE),
    132012: Known(400, "Parameter format does not match format in the created template", _TEMPLATE),
    132015: Known(400, "Template is paused", "Template is paused due to low quality: it cannot be sent."),
    132016: Known(400, "Template is disabled", "Template was paused too often: it is disabled for good."),
    132068: Known(400, "Flow is blocked", "Flow is in blocked state."),
    132069: Known(400, "Flow is throttled", "Flow is in throttled state."),
    133000: Known(500, "Incomplete deregistration", "A previous deregistration attempt failed."),
    133004: Known(503, "Server temporarily unavailable", "The server is temporarily unavailable."),
    133005: Known(400, "Two step verification PIN mismatch", "The PIN is incorrect."),
    133006: Known(400, "Phone number re-verification needed", "The phone number needs to be verified before it is registered."),
    133008: Known(400, "Too many two step verification PIN guesses", "Too many PIN guesses for this phone number."),
    133009: Known(400, "Two step verification PIN guessed too fast", "The PIN was entered too quickly."),
    133010: Known(400, "Account not registered", "The phone number is not registered on the WhatsApp Business Platform."),
    133015: Known(400, "Please wait a few minutes before attempting to register this phone number", ""),
    135000: Known(400, "Generic user error", "Message failed to send because of an unknown error with the request parameters."),
    136025: Known(400, "Error with the code", "The verification code is not valid."),
    2388012: Known(400, "Message template", "A template of this name and language exists already.", 2388024),
    2388023: Known(400, "Message template", "Message templates of this name are being deleted.", 2388023),
    2388040: Known(400, "Character limit exceeded", "One or more fields of the template exceed the character limits.", 2388040),
    2388293: Known(400, "Message template", "The ratio of parameters to words is too high.", 2388293),
}
"""developers.facebook.com, "Error codes" of the WhatsApp Business Platform, and those of the Graph API."""


class GraphError(Exception):
    """A call that is refused."""

    def __init__(
        self,
        code: int,
        details: str | None = None,
        *,
        message: str | None = None,
        subcode: int | None = None,
        status: int | None = None,
        later: bool = False,
    ) -> None:
        known = ERRORS.get(code, ERRORS[1])
        super().__init__(f"#{code}")
        self.code = code
        self.status = status or known.status
        self.later = later
        """Whether Meta may as well accept the message first and let it fail in a status."""
        self.subcode = known.subcode if subcode is None else subcode
        self.message = message or f"(#{code}) {known.title}"
        self.details = known.details if details is None else details
        self.type = known.type

    def body(self) -> dict[str, Any]:
        """Return the answer's body."""
        error: dict[str, Any] = {"message": self.message, "type": self.type, "code": self.code}
        if self.details:
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        return {"error": {**error, "fbtrace_id": "A" + secrets.token_urlsafe(16)}}


def missing(name: str) -> GraphError:
    """Return the refusal of a call without a parameter."""
    return GraphError(100, f"The parameter {name} is required.", message=f"(#100) The parameter {name} is required.")


def invalid(name: str, why: str) -> GraphError:
    """Return the refusal of a value."""
    return GraphError(131009, f"Param {name} {why}", message="(#131009) Parameter value is not valid")


def too_long(name: str, most: int) -> GraphError:
    """Return the refusal of a text."""
    words = f"Param {name} must be at most {most} characters long."
    return GraphError(100, words, message=f"(#100) {words}")


def unknown_object(name: str, method: str = "get") -> GraphError:
    """Return the answer about an object that is not there, or not for this token: HTTP 400, not 404."""
    words = (
        f"Unsupported {method} request. Object with ID '{name}' does not exist, cannot be loaded due to missing permissions,"
        " or does not support this operation. Please read the Graph API documentation at"
        " https://developers.facebook.com/docs/graph-api"
    )
    return GraphError(100, "", message=words, subcode=33)
