"""Connecting a channel account to its tenant, and disconnecting it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

import structlog

from konstruct.channels import accounts_repository as repository
from konstruct.channels import accounts_storing, holdings_repository, routes_repository, signups_repository
from konstruct.channels.accounts_repository import Account, AccountTakenError
from konstruct.channels.accounts_storing import OwnOverlapError
from konstruct.channels.credentials import AccountUnusableError, Credentials
from konstruct.channels.port import WRONG_ACCOUNT, WRONG_BOT, ChannelAdapter, Credential
from konstruct.channels.port_abilities import Grant, Identifying, Revoking
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.kit.errors import ConflictError, KonstructError
from konstruct.kit.ids import uuid7
from konstruct.tenants import notices
from konstruct.tenants.vault import Vault

__all__ = [
    "AccountTakenError",
    "OwnOverlapError",
    "TokenRefusedError",
    "connect",
    "connect_checked",
    "connect_grant",
    "disconnect",
]

log = structlog.get_logger()
ID = re.compile(r"[A-Za-z0-9_.\-]{1,64}", re.ASCII)
"""What the webhook takes for an id: an account under anything else would never get a message."""
TOKEN = re.compile(r"[!-~]{1,1000}", re.ASCII)
_ATTEMPTS = 5
"""Tries at a connection that another one of the same account overtook."""
_NOT_ASKED = frozenset(("no_connection", "timeout", "connection_lost", "unreadable_answer"))
_NONE: Mapping[str, ChannelAdapter] = {}


class TokenRefusedError(KonstructError):
    """The provider does not take the token. `code` is its own word for why; `asked` is False if it could not be asked."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the channel's provider refuses the token: {code}")
        self.code = code
        self.asked = not (code in _NOT_ASKED or code.startswith("http_"))

    @property
    def wrong_account(self) -> bool:
        """Whether the token is good, but for another account."""
        return self.code == WRONG_ACCOUNT

    @property
    def wrong_bot(self) -> bool:
        """Whether the token is good, but speaks for another user."""
        return self.code == WRONG_BOT


async def connect(
    db: Database,
    vault: Vault,
    scope: TenantScope,
    *,
    kind: str,
    external_id: str,
    app_id: str | None,
    bot_user_id: str | None,
    token: str,
) -> UUID:
    """Connect an account with a token that somebody made by hand; see `connect_grant`."""
    grant = Grant(account_key=external_id, token=token, app_id=app_id, bot_user_id=bot_user_id)
    return await connect_grant(db, vault, scope, kind=kind, grant=grant)


async def connect_grant(db: Database, vault: Vault, scope: TenantScope, *, kind: str, grant: Grant) -> UUID:
    """Connect an account, or connect a known one of the same tenant again with what was granted now; return its id.

    What waits for a known one to be connected goes out at once.

    Raises AccountTakenError if another tenant has it, or what it is a part of; OwnOverlapError if this one has connected its
    organisation, or workspaces of it; NotFoundError without an employee to connect it to; KonstructError for an empty id or
    token. Twice at once is as once.
    """
    if not grant.account_key.strip() or not grant.token.strip():
        raise KonstructError("an account needs its id and its token")
    for _ in range(_ATTEMPTS):
        account_id = await accounts_storing.store(db, vault, scope, kind, grant)
        if account_id is not None:
            log.info("account_connected", tenant_id=str(scope.tenant_id), account_id=str(account_id), kind=kind)
            return account_id
    raise ConflictError("the account is being connected and disconnected by others again and again: try later")


async def connect_checked(
    db: Database,
    vault: Vault,
    adapter: ChannelAdapter,
    scope: TenantScope,
    *,
    external_id: str,
    app_id: str | None,
    bot_user_id: str | None,
    token: str,
) -> UUID:
    """As `connect`, after the provider has taken the token for this very account and bot. Raises TokenRefusedError besides.

    Nobody may claim an account without a token of it: whoever does would get its messages.
    """
    if not external_id.strip() or not token.strip():
        raise KonstructError("an account needs its id and its token")
    grant = Grant(account_key=external_id, token=token, app_id=app_id, bot_user_id=bot_user_id)
    code, grant = await _checked(adapter, scope, grant)
    if code is not None:
        log.info("account_refused", tenant_id=str(scope.tenant_id), kind=adapter.kind, code=code)
        raise TokenRefusedError(code)
    return await connect_grant(db, vault, scope, kind=adapter.kind, grant=grant)


async def _checked(adapter: ChannelAdapter, scope: TenantScope, wanted: Grant) -> tuple[str | None, Grant]:
    """Return why the token cannot be what it was said to be, or None; and what the provider tells of it besides."""
    if not isinstance(adapter, Identifying):
        return await adapter.health(Credential(scope, uuid7(), wanted.account_key, wanted.token)), wanted
    found = await adapter.identify(wanted.token)
    if isinstance(found, str):
        return found, wanted
    if found.account_key != wanted.account_key:
        return WRONG_ACCOUNT, wanted
    if wanted.bot_user_id and found.bot_user_id and found.bot_user_id != wanted.bot_user_id:
        # Under another's name the employee would take its own messages for a person's.
        return WRONG_BOT, wanted
    return None, replace(found, app_id=wanted.app_id, bot_user_id=wanted.bot_user_id or found.bot_user_id)


async def disconnect(
    db: Database, vault: Vault, scope: TenantScope, account_id: UUID, adapters: Mapping[str, ChannelAdapter] = _NONE
) -> bool:
    """Stop what comes in and goes out of an account and destroy its token; False if it was disconnected already.

    What waits to be sent is cancelled: hours later, by a new connection, it would be news to nobody. Another business may
    connect the account from now on, and this one may connect it again. With its kind among `adapters`, the provider is told
    to forget the token, afterwards; whatever it answers, the account is disconnected. Raises NotFoundError.
    """
    credentials = Credentials(db, vault, adapters)
    held = await _held(db, vault, credentials, scope, account_id) if adapters else None

    async def work(session: TenantSession) -> int | None:
        account = await repository.get_account(session, account_id, lock=True)
        if account.secret_id is None:
            return None
        cancelled = await repository.disconnect_account(session, account_id)
        await vault.delete(session, account.secret_id)
        if account.refresh_secret_id is not None:
            await vault.delete(session, account.refresh_secret_id)
        await holdings_repository.let_go(session)
        await signups_repository.unsubscribed(session, account_id)
        await notices.settle(session, "token_expiring", subject=str(account_id))
        return cancelled

    cancelled = await db.run(scope, work)
    if cancelled is None:
        return False
    log.info("account_disconnected", tenant_id=str(scope.tenant_id), account_id=str(account_id), cancelled=cancelled)
    if held is not None:
        await _revoke(db, *held, adapters)
    return True


async def answer_strangers(db: Database, scope: TenantScope, account_id: UUID, answer: bool) -> None:
    """Let people of other companies be answered in shared channels, or not, from now on. Raises NotFoundError."""
    async with db.tenant(scope) as session:
        await repository.set_answers_strangers(session, account_id, answer)
    log.info("account_strangers", tenant_id=str(scope.tenant_id), account_id=str(account_id), allowed=answer)


async def revoke_all(db: Database, vault: Vault, scope: TenantScope, adapters: Mapping[str, ChannelAdapter]) -> int:
    """Let the providers forget the tokens of all of a tenant's accounts, as far as they can be reached; return how many did.

    For a tenant that is about to be erased: the accounts themselves stay as they are.
    """
    ids = await db.run(scope, repository.connected_accounts)
    credentials = Credentials(db, vault, adapters)
    held = [one for account_id in ids if (one := await _held(db, vault, credentials, scope, account_id)) is not None]
    return sum([await _revoke(db, *one, adapters, forget=True) for one in held])


_Held = tuple[Account, Sequence[Credential]]
"""An account, and the credentials that the provider is to forget."""


async def _held(db: Database, vault: Vault, credentials: Credentials, scope: TenantScope, account_id: UUID) -> _Held | None:
    """Return the account with its token and its refresh token, or None where they do not open: then nobody can be told."""
    try:
        token = await credentials.of(scope, account_id)
        # Read after the token, whose opening may renew both.
        account = await db.run(scope, lambda s: repository.get_account(s, account_id))
        if account.refresh_secret_id is None:
            return account, [token]
        refresh = await vault.reveal(db, scope, account.refresh_secret_id)
        return account, [token, replace(token, token=refresh)]
    except AccountUnusableError:
        return None
    except KonstructError as error:
        log.warning("token_not_opened", account_id=str(account_id), error=type(error).__name__)
        return None


async def _revoke(
    db: Database, account: Account, held: Sequence[Credential], adapters: Mapping[str, ChannelAdapter], *, forget: bool = False
) -> bool:
    """Best effort. Unless the account is to be forgotten with its tenant, whoever connected it meanwhile keeps its token:
    a provider may have given out the same one again."""
    adapter = adapters.get(account.kind)
    if not isinstance(adapter, Revoking):
        return False
    try:
        if not forget and await routes_repository.find_routes(db, account.kind, [account.external_id]):
            return False
        if not forget and await db.run(held[0].scope, lambda s: repository.shares_business(s, account.id)):
            # What is taken back is the whole business account's, and another number of it stays.
            return False
        codes = [await adapter.revoke(credential) for credential in held]
    except Exception as error:
        log.warning("token_not_revoked", account_id=str(account.id), error=type(error).__name__)
        return False
    log.info("token_revoked", account_id=str(account.id), code=codes[0])
    return codes[0] is None


async def has_kind(session: TenantSession, kind: str) -> bool:
    """Return whether the tenant has, or had, an account of this kind."""
    return await repository.has_kind(session, kind)
