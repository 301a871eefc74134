"""One call of the Graph API: who asks, for what, with which arguments."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from konstruct.local.sandbox.meta.application import MANAGEMENT, MESSAGING
from konstruct.local.sandbox.meta.errors import GraphError, unknown_object
from konstruct.local.sandbox.meta.meta import Meta
from konstruct.local.sandbox.meta.model import BusinessAccount, Number, Portfolio
from konstruct.local.sandbox.meta.tokens import MetaToken

Answer = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Upload:
    """A file of a multipart call."""

    name: str
    mime_type: str
    content: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class GraphCall:
    """`path`: the parts of the address after the version; `values`: the body's, over those of the address."""

    meta: Meta
    method: str
    path: tuple[str, ...]
    values: dict[str, Any]
    bearer: str | None = field(repr=False)
    upload: Upload | None = None

    def token(self, *scopes: str) -> MetaToken:
        """Return the business token of the call. Raises GraphError 190, and 200 or 10 without one of the scopes."""
        if not self.bearer:
            raise GraphError(104, "", message="An access token is required to request this resource.", status=401)
        token = self.meta.store.tokens.get(self.bearer)
        if token is None:
            raise GraphError(190, "", message="Invalid OAuth access token - Cannot parse access token", subcode=0, status=401)
        if token.revoked_at is not None:
            words = "Error validating access token: The user has not authorized application."
            raise GraphError(190, "", message=words, subcode=458)
        if token.expires_at is not None and token.expires_at <= self.meta.now():
            raise GraphError(190, "", message="Error validating access token: Session has expired.", subcode=463)
        held = token.scopes.split(",")
        for scope in scopes:
            if scope not in held:
                raise GraphError(10 if scope == MESSAGING else 200)
        return token

    def number(self, *, scope: str = MANAGEMENT) -> Number:
        """Return the number that the path begins with, where the token opens it."""
        token, number = self.token(scope), self.meta.store.businesses.number(self.path[0])
        if number is None or number.waba_id != token.waba_id or number.status == "DELETED":
            raise unknown_object(self.path[0], self.method.lower())
        return number

    def account(self) -> BusinessAccount:
        """Return the business account that the path begins with, where the token opens it."""
        token, account = self.token(MANAGEMENT), self.meta.store.businesses.account(self.path[0])
        if account is None or account.waba_id != token.waba_id:
            raise unknown_object(self.path[0], self.method.lower())
        return account

    def portfolio(self) -> Portfolio:
        """Return the portfolio that the path begins with, where the token opens it."""
        token, portfolio = self.token(MANAGEMENT), self.meta.store.businesses.portfolio(self.path[0])
        if portfolio is None or portfolio.business_id != token.business_id:
            raise unknown_object(self.path[0], self.method.lower())
        return portfolio


def chosen(call: GraphCall, known: Answer, default: str) -> Answer:
    """Return the fields that a call asks for, of those that an object has. Raises GraphError 100 for one that it has not."""
    asked = [name.partition("{")[0].strip() for name in str(call.values.get("fields") or default).split(",")]
    for name in asked:
        if name and name not in known:
            words = f"(#100) Tried accessing nonexisting field ({name})"
            raise GraphError(100, "", message=words)
    return {name: known[name] for name in dict.fromkeys(("id", *asked)) if name}


def page_of(members: list[Answer], call: GraphCall) -> Answer:
    """Return a list as the Graph API pages it: `limit` members after the cursor `after`."""
    limit = str(call.values.get("limit", "25"))
    size = min(int(limit) if limit.isdecimal() and limit != "0" else 25, 100)
    after = str(call.values.get("after", ""))
    start = int(after) if after.isdecimal() else 0
    shown = members[start : start + size]
    end = start + len(shown)
    paging: Answer = {"cursors": {"before": str(start), "after": str(end)}} if shown else {}
    if end < len(members):
        paging["next"] = f"https://graph.facebook.com/{'/'.join(call.path)}?after={end}&limit={size}"
    return {"data": shown, "paging": paging} if shown else {"data": []}
