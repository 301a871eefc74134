"""The Slack app as its owner configured it: credentials, redirect addresses, scopes."""

from __future__ import annotations

from dataclasses import dataclass, field

APP_ID = "A0KONSTRUCT"
"""One Slack app, installed in every workspace."""
CLIENT_ID = "7000000000001.7000000000002"
CLIENT_SECRET = "sandbox-client-secret"  # noqa: S105  # opens nothing but the simulation
REDIRECT_PATH = "/oauth/slack/callback"
MANUAL_SCOPES = (
    "app_mentions:read,assistant:write,channels:history,channels:read,chat:write,commands,files:read,files:write,groups:history,"
    "groups:read,im:history,im:read,im:write,mpim:history,mpim:read,reactions:write,users:read"
)
"""What a token that was made by hand may do."""

KNOWN_SCOPES = frozenset(
    """app_mentions:read assistant:write bookmarks:read bookmarks:write calls:read calls:write canvases:read canvases:write
    channels:history channels:join channels:manage channels:read channels:write.invites channels:write.topic chat:write
    chat:write.customize chat:write.public commands conversations.connect:read conversations.connect:write
    conversations.connect:manage dnd:read emoji:read files:read files:write groups:history groups:read groups:write
    groups:write.invites groups:write.topic im:history im:read im:write incoming-webhook links.embed:write links:read links:write
    lists:read lists:write metadata.message:read mpim:history mpim:read mpim:write mpim:write.topic pins:read pins:write
    reactions:read reactions:write reminders:read reminders:write remote_files:read remote_files:share remote_files:write
    search:read.files search:read.public search:read.users team.billing:read team.preferences:read team:read tokens.basic
    triggers:read triggers:write usergroups:read usergroups:write users.profile:read users:read users:read.email users:write
    workflow.steps:execute workflows.templates:read workflows.templates:write""".split()
)
"""The bot scopes that exist (docs.slack.dev, "Scopes")."""


@dataclass(frozen=True, slots=True)
class Application:
    """What the app's settings page holds."""

    redirect_uris: tuple[str, ...]
    client_id: str = CLIENT_ID
    client_secret: str = field(default=CLIENT_SECRET, repr=False)
    app_id: str = APP_ID
    name: str = "Konstruct"
    org_ready: bool = True
    """Whether it may be installed for a whole Grid organisation."""
