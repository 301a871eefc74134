"""Connecting a channel account to its tenant, and disconnecting it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from konstruct.channels import accounts_repository as repository
from konstruct.channels.accounts_repository import Account
from konstruct.channels.port import WRONG_ACCOUNT, ChannelAdapter, Credential
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.kit.errors import ConflictError, KonstructError, NotFoundError
from konstruct.kit.ids import uuid7
from konstruct.tenants import tenants_repository
from konstruct.tenants.vault import Vault

log = structlog.get_logger()
ID = re.compile(r"[A-Za-z0-9_.\-]{1,64}", re.ASCII)
"""What the webhook takes for an id: an account under anything else would never get a message."""
TOKEN = re.compile(r"[!-~]{1,1000}", re.ASCII)
_ATTEMPTS = 5
"""Tries at a connection that another one of the same account overtook."""
_NOT_ASKED = frozenset(("no_connection", "timeout", "connection_lost", "unreadable_answer"))


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


@dataclass(frozen=True, slots=True)
class _Wanted:
    kind: str
    external_id: str
    app_id: str | None
    bot_user_id: str | None
    token: str = field(repr=False)


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
    """Connect an account, or connect a known one of the same tenant again with its new token; return its id.

    What waits for a known one to be connected goes out at once.

    Raises ConflictError if another tenant has it, NotFoundError without an employee to connect it to, KonstructError
    for an empty id or token. Twice at once is as once.
    """
    if not external_id.strip() or not token.strip():
        raise KonstructError("an account needs its id and its token")
    wanted = _Wanted(kind, external_id, app_id, bot_user_id, token)
    for _ in range(_ATTEMPTS):
        async with db.tenant(scope) as session:
            known = await repository.find_account(session, kind, external_id)
        account_id = await (_again(db, vault, scope, known, wanted) if known else _first(db, vault, scope, wanted))
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
    """As `connect`, after the provider has taken the token for this very account. Raises TokenRefusedError besides.

    Nobody may claim an account without a token of it: whoever does would get its messages.
    """
    if not external_id.strip() or not token.strip():
        raise KonstructError("an account needs its id and its token")
    code = await adapter.health(Credential(scope, uuid7(), external_id, token))
    if code is not None:
        log.info("account_refused", tenant_id=str(scope.tenant_id), kind=adapter.kind, code=code)
        raise TokenRefusedError(code)
    return await connect(
        db, vault, scope, kind=adapter.kind, external_id=external_id, app_id=app_id, bot_user_id=bot_user_id, token=token
    )


async def disconnect(db: Database, vault: Vault, scope: TenantScope, account_id: UUID) -> bool:
    """Stop what comes in and goes out of an account and destroy its token; False if it was disconnected already.

    What waits to be sent is cancelled: hours later, by a new connection, it would be news to nobody. Another business may
    connect the account from now on, and this one may connect it again. Raises NotFoundError.
    """

    async def work(session: TenantSession) -> int | None:
        account = await repository.get_account(session, account_id, lock=True)
        if account.secret_id is None:
            return None
        cancelled = await repository.disconnect_account(session, account_id)
        await vault.delete(session, account.secret_id)
        return cancelled

    cancelled = await db.run(scope, work)
    if cancelled is not None:
        log.info("account_disconnected", tenant_id=str(scope.tenant_id), account_id=str(account_id), cancelled=cancelled)
    return cancelled is not None


async def answer_strangers(db: Database, scope: TenantScope, account_id: UUID, answer: bool) -> None:
    """Let people of other companies be answered in shared channels, or not, from now on. Raises NotFoundError."""
    async with db.tenant(scope) as session:
        await repository.set_answers_strangers(session, account_id, answer)
    log.info("account_strangers", tenant_id=str(scope.tenant_id), account_id=str(account_id), answer=answer)


async def _first(db: Database, vault: Vault, scope: TenantScope, wanted: _Wanted) -> UUID | None:
    """Store a new account; None if it became known meanwhile."""
    sealed = await vault.seal(scope, f"{wanted.kind}.token", wanted.token)
    account = _described(uuid7(), sealed.id, wanted)
    async with db.tenant(scope) as session:
        agent_id = await tenants_repository.first_agent(session)
        if agent_id is None:
            raise NotFoundError(f"tenant {scope.tenant_id} has no employee to connect the account to")
        await vault.store(session, sealed)
        if await repository.insert_account(session, account, agent_id):
            return account.id
        await vault.delete(session, sealed.id)
    return None


async def _again(db: Database, vault: Vault, scope: TenantScope, known: Account, wanted: _Wanted) -> UUID | None:
    """Give a known account its new token; None if it was connected or disconnected meanwhile."""
    if known.secret_id is not None:
        try:
            await vault.replace(db, scope, known.secret_id, wanted.token)
        except NotFoundError:
            return None
        async with db.tenant(scope) as session:
            now = await repository.get_account(session, known.id, lock=True)
            if now.secret_id != known.secret_id:
                return None
            await repository.reconnect_account(session, _described(known.id, known.secret_id, wanted))
            await repository.wake_sends(session, known.id)
        return known.id
    sealed = await vault.seal(scope, f"{wanted.kind}.token", wanted.token)
    async with db.tenant(scope) as session:
        now = await repository.get_account(session, known.id, lock=True)
        if now.secret_id is not None:
            return None
        await vault.store(session, sealed)
        await repository.reconnect_account(session, _described(known.id, sealed.id, wanted))
    return known.id


def _described(account_id: UUID, secret_id: UUID, wanted: _Wanted) -> Account:
    return Account(account_id, wanted.kind, wanted.external_id, wanted.app_id, wanted.bot_user_id, secret_id, "active")
