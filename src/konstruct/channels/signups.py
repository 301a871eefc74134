"""Connecting a number by its provider's dialog: the code is redeemed at once, and everything after that can be gone on with.

Between two steps stands a row. A step whose answer was lost is done once more: each of them, done twice, is as done once. What
cannot come to anything is deleted with its token; what may is shown with what is missing (`Signup.problem`).
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from uuid import UUID

import structlog

from konstruct.channels import accounts
from konstruct.channels import signups_repository as repository
from konstruct.channels.accounts import AccountTakenError
from konstruct.channels.credentials import TOKEN_OVER, AccountUnusableError, Credentials, CredentialWaitsError
from konstruct.channels.port import ChannelAdapter, Credential
from konstruct.channels.port_abilities import Grant, NotGranted
from konstruct.channels.port_signup import NOT_COVERED, SEVERAL, WRONG_APP, Business, Number, SigningUp, StepRefused, chosen
from konstruct.channels.signups_repository import Signup
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import TenantSession
from konstruct.kit.errors import ConflictError, KonstructError, NotFoundError
from konstruct.kit.ids import uuid7
from konstruct.tenants.vault import KeyRotatedError, Vault

log = structlog.get_logger()

NO_NUMBER = "no_number"
CHOOSE = "choose_number"
BUSY = "busy"
UNUSABLE = "unusable"
PIN_WRONG = "133005"
"""The number has a PIN of its own already (Meta)."""
_HOPELESS = frozenset((NOT_COVERED, SEVERAL, WRONG_APP))
_ATTEMPTS = 5


class SignupRefusedError(KonstructError):
    """It cannot come to anything, and nothing of it was kept: `code` says why."""

    def __init__(self, code: str) -> None:
        super().__init__(f"the number cannot be connected: {code}")
        self.code = code


class Signups:
    """Connects numbers, step by step. Keeps no token."""

    def __init__(self, db: Database, vault: Vault, credentials: Credentials, adapters: Mapping[str, ChannelAdapter]) -> None:
        self._db = db
        self._vault = vault
        self._credentials = credentials
        self._adapters = adapters

    async def begin(
        self, scope: TenantScope, kind: str, code: str, *, by: str, business_account: str | None, account: str | None
    ) -> UUID | NotGranted:
        """Redeem the code that the dialog gave, and keep what it is good for; return its id, to be given to `advance`.

        `business_account` and `account` are what the browser said. `by` is who did it.
        """
        redeemed = await self._adapter(kind).redeem(code)
        if isinstance(redeemed, NotGranted):
            log.warning("signup_not_granted", tenant_id=str(scope.tenant_id), code=redeemed.code, unknown=redeemed.unknown)
            return redeemed
        signup_id = uuid7()
        for _ in range(_ATTEMPTS):
            sealed = await self._vault.seal(scope, f"{kind}.signup_token", redeemed.token)
            try:
                async with self._db.tenant(scope) as session:
                    await self._drop(session, await repository.forget_old(session))
                    await self._vault.store(session, sealed)
                    await repository.insert(
                        session,
                        signup_id,
                        kind=kind,
                        begun_by=by,
                        secret_id=sealed.id,
                        expires_in_s=redeemed.expires_in_s,
                        wanted_business_account=business_account,
                        wanted_account=account,
                    )
            except KeyRotatedError:
                continue
            log.info("signup_begun", tenant_id=str(scope.tenant_id), signup_id=str(signup_id))
            return signup_id
        raise ConflictError("the business's key is being rotated: try again")

    async def advance(
        self, scope: TenantScope, signup_id: UUID, *, by: str, account: str | None = None, pin: str | None = None
    ) -> Signup:
        """Do what is missing, as far as it goes now; return how far that is.

        `account` is the number that somebody chose, `pin` the one that they know. Raises NotFoundError; AccountTakenError and
        SignupRefusedError after nothing of it was kept.
        """
        signup = await self._find(scope, signup_id)
        if signup.account_id is None:
            problem = await self._claim(scope, signup, account)
            if problem is not None:
                return await self._stop(scope, signup_id, problem)
            signup = await self._find(scope, signup_id)
        assert signup.account_id is not None
        try:
            credential = await self._credentials.of(scope, signup.account_id)
        except (AccountUnusableError, CredentialWaitsError):
            return await self._stop(scope, signup_id, UNUSABLE)
        if signup.subscribed_at is None and (refused := await self._subscribe(scope, signup, credential)) is not None:
            return await self._stop(scope, signup_id, refused.code)
        if signup.registered_at is None and (refused := await self._register(scope, signup, credential, pin, by)) is not None:
            return await self._stop(scope, signup_id, refused.code)
        log.info("signup_done", tenant_id=str(scope.tenant_id), account_id=str(signup.account_id))
        return await self._find(scope, signup_id)

    async def discard(self, scope: TenantScope, signup_id: UUID) -> None:
        """Forget one that has come to no account, with its token. Once more does nothing."""

        async def work(session: TenantSession) -> None:
            await self._drop(session, await repository.delete(session, signup_id))

        await self._db.run(scope, work)

    async def pin(self, scope: TenantScope, account_id: UUID, by: str) -> str | None:
        """Return the PIN of the account's number for `by` to see, which is noted first; None if it is not known here."""
        async with self._db.tenant(scope) as session:
            signup = await repository.of_account(session, account_id)
            if signup is None or signup.pin_secret_id is None:
                return None
            await repository.add_act(session, account_id, "pin_shown", by)
        log.info("pin_shown", tenant_id=str(scope.tenant_id), account_id=str(account_id))
        return await self._vault.reveal(self._db, scope, signup.pin_secret_id, purpose=f"{signup.kind}.pin")

    async def _claim(self, scope: TenantScope, signup: Signup, account: str | None) -> str | None:
        """Prove what the token stands for, and connect the number; return what is missing for that, or None."""
        assert signup.secret_id is not None
        token = await self._vault.reveal(self._db, scope, signup.secret_id)
        wanted = signup.business_account_id or signup.wanted_business_account
        business = await self._adapter(signup.kind).examine(token, wanted)
        if isinstance(business, NotGranted):
            if not business.unknown and _is_hopeless(business.code):
                await self._refuse(scope, signup.id, business.code)
                raise SignupRefusedError(business.code)
            return business.code
        await self._db.run(scope, lambda s: repository.prove(s, signup.id, business))
        if not business.numbers:
            return NO_NUMBER
        number = chosen(business.numbers, account or signup.wanted_account)
        if number is None:
            return CHOOSE
        return await self._connect(scope, signup, token, business, number)

    async def _connect(self, scope: TenantScope, signup: Signup, token: str, business: Business, number: Number) -> str | None:
        expires_in_s = business.expires_in_s if business.expires_in_s is not None else signup.expires_in_s
        grant = Grant(
            account_key=number.account_key,
            token=token,
            account_name=number.name,
            scopes=business.scopes,
            expires_in_s=expires_in_s,
            business_account_id=business.business_account_id,
            portfolio_id=business.portfolio_id,
            phone_number=number.phone_number,
        )
        try:
            account_id = await accounts.connect_grant(self._db, self._vault, scope, kind=signup.kind, grant=grant)
        except AccountTakenError:
            await self._refuse(scope, signup.id, "taken")
            raise
        except ConflictError:
            return BUSY

        async def work(session: TenantSession) -> None:
            freed = await repository.claimed(session, signup.id, account_id, registered=number.registered)
            await self._drop(session, [freed] if freed is not None else [])

        await self._db.run(scope, work)
        return None

    async def _subscribe(self, scope: TenantScope, signup: Signup, credential: Credential) -> StepRefused | None:
        business_account_id = credential.business_account_id or signup.business_account_id
        assert business_account_id is not None
        refused = await self._adapter(signup.kind).subscribe(business_account_id, credential.token)
        if refused is None:
            await self._db.run(scope, lambda s: repository.subscribed(s, signup.id))
            return None
        return await self._told(credential, refused)

    async def _register(
        self, scope: TenantScope, signup: Signup, credential: Credential, pin: str | None, by: str
    ) -> StepRefused | None:
        """The PIN is sealed before the provider hears it: with a lost answer it would be lost for good."""
        secret_id = await self._keep_pin(scope, signup, pin, by)
        known = await self._vault.reveal(self._db, scope, secret_id)
        refused = await self._adapter(signup.kind).register(credential.account_key, known, credential.token)
        if refused is None:
            await self._db.run(scope, lambda s: repository.registered(s, signup.id))
            return None
        return await self._told(credential, refused)

    async def _keep_pin(self, scope: TenantScope, signup: Signup, pin: str | None, by: str) -> UUID:
        held = signup.pin_secret_id
        if held is None:
            made = pin if pin is not None else f"{secrets.randbelow(10**6):06d}"
            held = await self._vault.put(self._db, scope, f"{signup.kind}.pin", made)
            new = held
            if not await self._db.run(scope, lambda s: repository.set_pin(s, signup.id, new)):
                # Somebody else went on with it at the same time, and theirs is the one.
                await self._db.run(scope, lambda s: self._drop(s, [new]))
                again = await self._find(scope, signup.id)
                assert again.pin_secret_id is not None
                held = again.pin_secret_id
        elif pin is not None:
            await self._vault.replace(self._db, scope, held, pin)
        if pin is not None and signup.account_id is not None:
            account_id = signup.account_id
            await self._db.run(scope, lambda s: repository.add_act(s, account_id, "pin_entered", by))
        return held

    async def _told(self, credential: Credential, refused: StepRefused) -> StepRefused:
        log.warning("signup_step_refused", account_id=str(credential.account_id), code=refused.code, unknown=refused.unknown)
        if refused.code in TOKEN_OVER:
            await self._credentials.refused(credential, refused.code)
        return refused

    async def _stop(self, scope: TenantScope, signup_id: UUID, problem: str) -> Signup:
        await self._db.run(scope, lambda s: repository.note_problem(s, signup_id, problem))
        return await self._find(scope, signup_id)

    async def _refuse(self, scope: TenantScope, signup_id: UUID, code: str) -> None:
        log.warning("signup_refused", tenant_id=str(scope.tenant_id), signup_id=str(signup_id), code=code)
        await self.discard(scope, signup_id)

    async def _drop(self, session: TenantSession, secret_ids: list[UUID]) -> None:
        for secret_id in secret_ids:
            await self._vault.delete(session, secret_id)

    async def _find(self, scope: TenantScope, signup_id: UUID) -> Signup:
        found = await self._db.run(scope, lambda s: repository.find(s, signup_id))
        if found is None:
            raise NotFoundError(f"there is no number {signup_id} being connected")
        return found

    def _adapter(self, kind: str) -> SigningUp:
        adapter: object = self._adapters[kind]
        assert isinstance(adapter, SigningUp), f"{kind} has no dialog"
        return adapter


def _is_hopeless(code: str) -> bool:
    """Whether the token will never do: somebody has to go through the dialog once more."""
    return code in _HOPELESS or code in TOKEN_OVER or code.startswith("missing_")
