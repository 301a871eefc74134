"""What a worker does for the accounts of channels beside messages: the tenants' jobs that concern them."""

from __future__ import annotations

from collections.abc import Mapping

from konstruct.channels.credentials import Credentials
from konstruct.channels.port import ChannelAdapter
from konstruct.channels.quality.breaker import Watching
from konstruct.channels.quality.polls import Polls
from konstruct.channels.quality.replacing import Replacing
from konstruct.channels.templates.syncing import TemplateSync
from konstruct.channels.watching import AccountWatch
from konstruct.db.database import Database
from konstruct.jobs.tenant_jobs import JobKind
from konstruct.jobs.tenant_runner import Work


def channel_jobs(db: Database, adapters: Mapping[str, ChannelAdapter], credentials: Credentials) -> dict[JobKind, Work]:
    """Return the work by the kind of its job."""
    return {
        "token_renewal": credentials.renewals,
        "template_sync": TemplateSync(db, adapters, credentials),
        "number_poll": Polls(db, adapters, credentials),
        "number_watch": Watching(db),
        "number_replacement": Replacing(db),
        "account_watch": AccountWatch(db, credentials, adapters),
    }
