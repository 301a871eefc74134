"""What each page takes, so that every place where an id may stand can be given another tenant's.

`{conversation_id}` and the like stand for an id of that kind, in addresses, queries and forms alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from konstruct.conversations.consent.recording import STATEMENT

SAMPLES = {"number": "1", "key": "turn", "ticket": "made-up"}
"""What stands in addresses and is no id."""
_NAMES = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Case:
    """A route, a form that it takes, and the queries in which it takes ids."""

    method: str
    path: str
    form: Mapping[str, str] = field(default_factory=dict)
    queries: tuple[str, ...] = ()
    own: int = 200
    """What the business's own ids are answered with; redirects are not followed."""
    multipart: bool = False
    absent: int = 404
    """What an id that nothing has is answered with, in an address of one's own."""

    @property
    def ids(self) -> list[str]:
        """The kinds of ids in the address."""
        return [name for name in _NAMES.findall(self.path) if name not in SAMPLES]

    def address(self, ids: Mapping[str, str]) -> str:
        """Return the address with these ids."""
        return self.path.format(**{**SAMPLES, **ids})


def get(path: str, *queries: str, own: int = 200) -> Case:
    return Case("GET", path, queries=queries, own=own)


def post(path: str, *, own: int = 303, multipart: bool = False, absent: int = 404, **form: str) -> Case:
    return Case("POST", path, form, own=own, multipart=multipart, absent=absent)


LATE = "9" * 15
"""Microseconds of a time after everything that a test has made."""
_LISTED = ("channel={account_id}", "person={contact_id}", f"before={LATE}_{{conversation_id}}", "q=question&before={message_id}")
_TOLD = {"name": "Ada", "instructions": "Help people.", "tone": "warm", "based_on": "1", "languages": "", "must_not": ""}

_AGREED = {
    "purpose": "any", "obtained_at": "2026-01-01", "how": "on paper", "wording": "Yes, write to me.", "proof": "form 17",
    "version": "1", "expires_at": "",
}  # fmt: skip

PORTAL = (
    get("/"),
    get("/sign-in", own=303),
    post("/sign-in", own=200, email="nobody@example.com"),
    post("/sign-in/code", own=422, email="nobody@example.com", code="123456"),
    get("/sign-in/{ticket}"),
    post("/sign-in/{ticket}", own=410),
    get("/inbox", *_LISTED, "open={conversation_id}"),
    get("/inbox/list", *_LISTED, "open={conversation_id}"),
    get("/inbox/{conversation_id}", *_LISTED, "template={template_id}"),
    get("/inbox/{conversation_id}/desk", "template={template_id}"),
    get("/inbox/{conversation_id}/events", "channel={account_id}", "person={contact_id}"),
    post("/inbox/{conversation_id}/take-over", epoch="0", text=""),
    post("/inbox/{conversation_id}/reply", epoch="1", text="Hello", token="{form_id}"),
    # Nothing is filled in: no further than that does anybody get without consent.
    post("/inbox/{conversation_id}/template", own=422, template="{template_id}", token="{form_id}", act="send"),
    get("/contacts/{contact_id}/write", "template={template_id}"),
    post("/contacts/{contact_id}/write", own=422, template="{template_id}", token="{form_id}", act="send"),
    get("/templates"),
    post("/templates/{account_id}/fetch"),
    post("/inbox/{conversation_id}/hand-back", epoch="1", text=""),
    post("/inbox/{conversation_id}/notes", note="A note", token="{form_id}"),
    # A note that is gone is no error: a second click must not be one.
    post("/inbox/{conversation_id}/notes/{note_id}/delete", absent=303),
    get("/turns/{turn_id}"),
    get("/turns/{turn_id}/raw/{key}"),
    get("/employee"),
    Case("POST", "/employee", _TOLD, own=303),
    post("/employee/limits", model="", context_limit_tokens="16000", reply_limit_tokens="1024"),
    Case("POST", "/employee/try", {"question": "When do you open?", **_TOLD}),
    get("/employee/try"),
    Case("POST", "/employee/try/forget", _TOLD),
    get("/employee/versions"),
    get("/employee/versions/{number}"),
    post("/employee/versions/{number}/restore", based_on="2"),
    get("/knowledge", "before={document_id}"),
    get("/knowledge/search", "q=question"),
    post("/knowledge/files", multipart=True),
    post("/knowledge/texts", multipart=True, title="Hours", text="Nine to five."),
    get("/knowledge/{document_id}"),
    get("/channels"),
    get("/channels/slack", "account={account_id}"),
    post("/channels/slack", team="{team}", app="A1", bot_user="UBOT0", token="{token}"),
    get("/channels/{account_id}"),
    get("/oauth/slack/start", own=303),
    # Without a state of one's own it is nothing; with another's, it is attacked in tests/web/test_install.py.
    get("/oauth/slack/callback", own=400),
    get("/consent", "before={contact_id}", "behind={list_id}", "q=canary"),
    get("/consent/import", "account={account_id}"),
    # The business has no number of a channel in which people have to agree.
    post("/consent/import", own=422, multipart=True, account="{account_id}"),
    get("/consent/example.csv"),
    get("/consent/record", "account={account_id}", "person={contact_id}"),
    Case("POST", "/consent/record", {"account": "{account_id}", "person": "+4915112345678", **_AGREED}, own=422),
    get("/consent/lists/{list_id}", "after={list_id}"),
    post("/consent/lists/{list_id}/attest", confirmed="yes", statement=STATEMENT),
    get("/consent/lists/{list_id}/evidence", "kind=json"),
    get("/consent/people/{contact_id}"),
    post("/consent/people/{contact_id}/withdraw", purpose="any", note="By telephone"),
    get("/consent/people/{contact_id}/evidence", "kind=json"),
    get("/consent/uploads/{upload_id}"),
    post("/consent/uploads/{upload_id}/store"),
    # It was stored a moment ago.
    post("/consent/uploads/{upload_id}/discard", own=404),
    # There is no app of Meta's in that house; with one, states and ids are attacked in tests/web/test_signup.py.
    get("/oauth/whatsapp/start", own=404),
    post("/oauth/whatsapp/callback", own=404, code="x", state="x", waba_id="1", phone_number_id="2"),
    get("/channels/signups/{signup_id}", own=303),
    post("/channels/signups/{signup_id}/continue", number="1", pin="123456"),
    post("/channels/signups/{signup_id}/discard"),
    post("/channels/{account_id}/pin", own=200),
    get("/channels/{account_id}/verification"),
    post("/channels/{account_id}/verification", verification="approved"),
    post("/channels/{account_id}/verification/look"),
    get("/usage"),
    get("/usage.csv"),
    get("/notices", f"before={LATE}-{{notice_id}}"),
    post("/notices/{notice_id}/resolve"),
    get("/settings"),
    post("/settings", name="Alpha Bikes", time_zone="UTC", retention=""),
    post("/settings/mail", notice_mail="on"),
    get("/settings/export", own=303),
    get("/settings/export/{export_id}/file"),
    post("/settings/export"),
    get("/settings/operators"),
    get("/settings/delete"),
    post("/settings/delete", own=422, name="Another business"),
    get("/settings/members"),
    post("/settings/members", own=200, name="Kim", email="kim-{form_id}@example.com", role="viewer"),
    post("/settings/members/me", name="Pat Doe", email="pat-{form_id}@example.com"),
    post("/settings/members/me/link", own=200),
    post("/settings/members/me/unlink"),
    post("/settings/members/{member_id}/role", role="viewer"),
    post("/settings/members/{member_id}/invite", own=200),
    post("/settings/members/{member_id}/sign-out"),
    post("/settings/members/{member_id}/remove"),
    get("/settings/api-keys"),
    post("/settings/api-keys", own=200, name="Report", lifetime="30", scope="usage:view", form="{form_id}"),
    post("/settings/api-keys/{key_id}/revoke"),
    get("/channels/{account_id}/quality"),
    # The stock's number is not rated well: nobody may overrule that; and nothing takes its own place.
    post("/channels/{account_id}/quality/resume", own=409, note="looked into"),
    post("/channels/{account_id}/replace", own=422, to="{account_id}", template="", text=""),
    # What ends things comes last: until then there has to be something.
    post("/knowledge/{document_id}/delete"),
    post("/channels/{account_id}/pause"),
    post("/channels/{account_id}/resume"),
    post("/channels/{account_id}/disconnect"),
    post("/channels/{account_id}/strangers", answer="yes"),
    post("/sign-out/everywhere"),
    post("/sign-out"),
)
"""Every page of the portal, in an order in which each finds what it needs."""

_REASON = "support case 4711"
OPERATOR = (
    get("/operator/sign-in"),
    get("/operator/sign-in/{ticket}"),
    post("/operator/sign-in/{ticket}", own=410),
    get("/operator"),
    get("/operator/tenants", "behind={tenant_id}", "find={tenant_id}"),
    get("/operator/tenants/{tenant_id}"),
    get("/operator/signals"),
    get("/operator/numbers"),
    get("/operator/dead-letters", "tenant={tenant_id}", "tenant={tenant_id}&behind=9999999999.000000_{letter_id}"),
    get("/operator/dead-letters/{tenant_id}/{letter_id}"),
    # The stock's letter is about an answer that was shown: there is nothing to try again.
    post("/operator/dead-letters/{tenant_id}/{letter_id}/retry", own=409, accept_twice="yes"),
    post("/operator/dead-letters/{tenant_id}/{letter_id}/discard"),
    post("/operator/tenants/{tenant_id}/access", reason=_REASON),
    get("/operator/tenants/{tenant_id}/access", own=303),
    get("/operator/tenants/{tenant_id}/content", "behind={conversation_id}"),
    get("/operator/tenants/{tenant_id}/content/{conversation_id}"),
    post("/operator/tenants/{tenant_id}/suspend", reason=_REASON),
    post("/operator/tenants/{tenant_id}/resume", reason=_REASON),
    post("/operator/sign-out/everywhere"),
    post("/operator/sign-out"),
)
"""Every page of the operators."""

WEBHOOKS = {("POST", "/webhooks/slack/events")}
"""Signed by the provider; what may stand in their bodies is in test_webhooks.py."""
META = {("POST", "/webhooks/whatsapp"), ("GET", "/webhooks/whatsapp")}
"""Signed by Meta, and the challenge; what may stand in its bodies is in tests/channels and tests/spine."""
FORMS = {(method, f"/webhooks/slack/{name}") for name in ("interactivity", "commands") for method in ("GET", "POST")}
"""Signed likewise; what may stand in them, and what of one workspace works in another, is in tests/desk."""
PUBLIC = {("GET", path) for path in ("/healthz", "/readyz", "/metrics", "/api/openapi.json")} | {("", "/static")}
"""The same for everybody, and about nobody."""
SANDBOX = {
    ("GET", "/sandbox"),
    ("POST", "/sandbox/act"),
    ("GET", "/sandbox/b/{slug}"),
    ("GET", "/sandbox/b/{slug}/{channel_id}"),
    ("GET", "/sandbox/control"),
    ("POST", "/sandbox/control"),
    ("GET", "/sandbox/control/accepted"),
    ("POST", "/sandbox/control/app-rate-limited"),
    ("POST", "/sandbox/control/clock"),
    ("GET", "/sandbox/control/elsewhere"),
    ("POST", "/sandbox/control/faults"),
    ("POST", "/sandbox/control/forget"),
    ("GET", "/sandbox/control/installations"),
    ("POST", "/sandbox/control/look"),
    ("POST", "/sandbox/control/repeat"),
    ("POST", "/sandbox/control/reset"),
    ("POST", "/sandbox/control/revoke"),
    ("GET", "/sandbox/control/switches"),
    ("POST", "/sandbox/control/switches"),
    ("POST", "/sandbox/control/uninstall"),
    ("GET", "/sandbox/control/whatsapp"),
    ("POST", "/sandbox/control/whatsapp"),
    ("POST", "/sandbox/delete"),
    ("POST", "/sandbox/dialog"),
    ("POST", "/sandbox/dialog/close"),
    ("POST", "/sandbox/dismiss"),
    ("POST", "/sandbox/edit"),
    ("GET", "/sandbox/events"),
    ("POST", "/sandbox/files"),
    ("GET", "/sandbox/files/{team_id}/{file_id}"),
    ("POST", "/sandbox/invite"),
    ("GET", "/sandbox/mail"),
    ("GET", "/sandbox/mail/{mail_id}"),
    ("POST", "/sandbox/messages"),
    ("DELETE", "/sandbox/meta/{version}/{path:path}"),
    ("GET", "/sandbox/meta/{version}/{path:path}"),
    ("POST", "/sandbox/meta/{version}/{path:path}"),
    ("GET", "/sandbox/meta/dialog"),
    ("POST", "/sandbox/meta/dialog"),
    ("GET", "/sandbox/meta/files/{ticket}"),
    ("GET", "/sandbox/meta/sdk.js"),
    ("POST", "/sandbox/opened"),
    ("GET", "/sandbox/p/{phone_id}"),
    ("GET", "/sandbox/p/{phone_id}/{phone_number_id}"),
    ("POST", "/sandbox/phone/act"),
    ("GET", "/sandbox/phone/events"),
    ("GET", "/sandbox/phone/media/{media_id}"),
    ("POST", "/sandbox/shortcut"),
    ("POST", "/sandbox/slack/actions/{team}/{secret}"),
    ("GET", "/sandbox/slack/api/{method}"),
    ("POST", "/sandbox/slack/api/{method}"),
    ("GET", "/sandbox/slack/elsewhere/{name:path}"),
    ("GET", "/sandbox/slack/files/{team_id}-{file_id}/{name:path}"),
    ("GET", "/sandbox/slack/oauth/authorize"),
    ("POST", "/sandbox/slack/oauth/authorize"),
    ("GET", "/sandbox/slack/oauth/v2/authorize"),
    ("POST", "/sandbox/slack/oauth/v2/authorize"),
    ("POST", "/sandbox/slack/upload/v1/{ticket}"),
    ("GET", "/sandbox/static/{name}"),
}
"""Simulated workspaces of the embedded instance alone, apart from every tenant's rows; workspace against workspace is in
tests/sandbox/test_refusals.py."""

QUERY_IDS = {"channel", "person", "before", "open", "account", "behind", "tenant", "find", "template"}
"""Names in queries that may hold an id: the cases above give each of them another tenant's."""
FORM_IDS = {"token", "form"}
"""Names in forms that hold an id of the form's own making."""
PLAIN = {
    *(
        "accept_twice",
        "act",
        "after",
        "against",
        "answer",
        "at",
        "based_on",
        "by",
        "code",
        "done",
        "earlier",
        "email",
        "epoch",
        "example",
        "form",
    ),
    *("from", "instructions", "languages", "lifetime", "limits", "must_not", "name", "next", "note", "outside_hours", "policy"),
    *("q", "question", "role", "same", "saved", "sent", "show", "speaks", "text", "time_zone", "to", "token", "tone"),
    *("tone_note", "works", "reason", "status", "state", "error", "number", "phone_number_id", "pin", "verification", "waba_id"),
    *(
        "confirmed",
        "did",
        "expires_at",
        "file",
        "how",
        "kind",
        "obtained_at",
        "person",
        "proof",
        "purpose",
        "statement",
        "version",
    ),
    "wording",
}
"""Names in queries and forms that hold words, numbers and choices."""
