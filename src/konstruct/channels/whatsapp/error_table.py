"""What each of Meta's error codes means for a delivery, as data.

Sources: Meta, "Error codes" of the Cloud API, and "Handle errors" of the Graph API. A code counts, whatever the status beside it:
who names one has looked at the call. What Meta itself does not know (1, 2) is unknown to us as well.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from konstruct.channels.port import Failed, Unknown

BY_CODE = "meta"
"""The reason of a row that has no word of its own: `meta_<code>`."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Refused for now, certainly not shown. The waits of refusals in a row grow, unless Meta says how long to wait."""

    scope: Literal["delivery", "pair", "account"]
    waits_s: tuple[float, ...]
    """Of the first refusal, the second, ...; the last one holds for all that follow."""
    jitter: bool = True
    """Whether up to half as much is added, so that those who wait together do not come back together."""


@dataclass(frozen=True, slots=True)
class Row:
    """Codes that mean the same. With `subcode`: only with that one."""

    title: str
    codes: tuple[int | range, ...]
    says: Failed | Unknown | Wait
    subcode: int | None = None

    def has(self, code: int, subcode: int | None) -> bool:
        """Whether the row is about this error."""
        known = any(code in each if isinstance(each, range) else code == each for each in self.codes)
        return known and self.subcode in (None, subcode)


_GROWING = tuple(float(5 * 2**step) for step in range(10))
_PAIR = (6.0, *(float(4**step) for step in range(2, 6)), 3600.0)
"""Meta: a message in six seconds, and after further refusals 4^n seconds."""
_HOURLY = (60.0, 120.0, 300.0, 900.0, 1800.0, 3600.0)
"""Calls are counted over an hour."""

ROWS: tuple[Row, ...] = (
    # The token, or what it may do: nothing goes out before somebody connects the number again.
    Row("token expired", (190,), Failed("token_expired", account_broken=True), subcode=463),
    Row("token taken back", (190,), Failed("token_revoked", account_broken=True), subcode=458),
    Row("token taken back", (190,), Failed("token_revoked", account_broken=True), subcode=460),
    Row("token taken back", (190,), Failed("token_revoked", account_broken=True), subcode=467),
    Row("no token, or a wrong one", (0, 102, 190), Failed("invalid_auth", account_broken=True)),
    Row("missing permission", (3, 10, range(200, 300), 131005), Failed("missing_permission", account_broken=True)),
    Row("number gone, or not this token's", (100,), Failed("number_gone", account_broken=True), subcode=33),
    Row("number not registered", (131045, 133006, 133010, 133015), Failed("number_not_registered", account_broken=True)),
    # The account: blocked by Meta, or by its own doing.
    Row("blocked or locked", (368, 131031), Failed("number_blocked", account_broken=True)),
    Row("not in this country", (130497,), Failed("meta_130497")),
    Row("name not approved", (131037,), Failed("meta_131037")),
    Row("spam, or too many people", (131048, 131064), Failed(BY_CODE, outreach=True)),
    Row("payment", (131042,), Failed("meta_131042", payment=True)),
    # Too fast: the number waits, or the pair of number and person.
    Row("too many calls", (4, 17, 32, 613, 80007), Wait("account", _HOURLY)),
    Row("too many messages a second", (130429,), Wait("account", _GROWING)),
    Row("too many messages to this person", (131056,), Wait("pair", _PAIR, jitter=False)),
    # The person, or Meta's choice for them.
    Row("window closed", (131047, 470), Failed("window_closed", window=True)),
    Row("marketing not delivered, or not wanted", (131049, 131050, 130472), Failed(BY_CODE)),
    Row("undeliverable", (131026,), Failed("meta_131026")),
    Row("nobody to write to", (131021, 131030, 131062), Failed(BY_CODE)),
    # The template.
    Row("template missing", (132001,), Failed("meta_132001", template="missing")),
    Row("template paused", (132015,), Failed("meta_132015", template="paused")),
    Row("template disabled", (132016,), Failed("meta_132016", template="disabled")),
    Row("template filled in wrongly", (range(132000, 133000),), Failed(BY_CODE, template="wrong")),
    # What the message holds.
    Row("media down or up", (131052, 131053), Failed(BY_CODE, as_text=True)),
    Row("wrong words or form", (100, 131008, 131009, 131051, 135000), Failed(BY_CODE, content=True)),
    # Meta itself.
    Row("overloaded, not carried out", (131000, 131016, 131057, 133004), Wait("delivery", _GROWING)),
    Row("the number's state at Meta", (range(133000, 134000),), Failed(BY_CODE)),
    Row("unknown to Meta itself", (1, 2), Unknown(BY_CODE)),
)
"""The first row that has a code holds."""


def find(code: int, subcode: int | None) -> Row | None:
    """Return the row of an error, or None if no row has it."""
    return next((row for row in ROWS if row.has(code, subcode)), None)
