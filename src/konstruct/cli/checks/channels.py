"""Checks of the channels' keys and accounts."""

from __future__ import annotations

from collections import Counter
from uuid import uuid4

import aiohttp

from konstruct.cli.checks import repository
from konstruct.cli.checks.check import SettingsCheck, System, SystemCheck, Verdict, verdict
from konstruct.kit.errors import KonstructError
from konstruct.kit.settings import Settings
from konstruct.tenants.key_provider import KeyDestroyedError, UnknownKeyError
from konstruct.tenants.keyring import open_key_provider
from konstruct.tenants.vault import Vault

HTTP_S = 5.0


async def keyring(settings: Settings) -> Verdict:
    """The key ring opens, and is its owner's alone."""
    if settings.keyring is None:
        return False, "KONSTRUCT_KEYRING is not set"
    provider = open_key_provider(settings)
    try:
        # A stranger's key is asked for: the provider must read everything to say that it has none.
        await provider.current(uuid4())
    except (UnknownKeyError, KeyDestroyedError):
        return True, f"{provider!r} opens; readable by its owner alone"
    return False, f"{provider!r} gave a key for a tenant that does not exist"


async def accounts(system: System) -> Verdict:
    """Every active account has a secret that opens and a route that leads to it. Sampled; what is broken is known of all."""
    vault = Vault(open_key_provider(system.settings))
    problems: list[str] = []
    seen: Counter[str] = Counter()
    sample = await repository.sample(system.db)
    for scope in sample:
        async with system.db.tenant(scope) as session:
            found = await repository.accounts(session)
        for account in found:
            seen[account.status] += 1
            if account.status == "broken":
                problems.append(
                    f"{account.kind} account {account.account_id} of tenant {scope.tenant_id} is broken: connect it again"
                )
            elif account.status == "active":
                problems += await _account_problems(system, vault, account)
    async with system.db.fleet("doctor") as fleet:
        broken = await repository.broken_accounts(fleet)
    if broken > seen["broken"]:
        problems.append(f"{broken} accounts of all tenants were broken when they were counted last: see `/operator/businesses`")
    if not seen["active"] and not problems:
        return None, "no channel account is connected yet"
    return verdict(problems, f"{seen['active']} active accounts of {len(sample)} tenants have a route and a secret that opens")


async def readyz(settings: Settings) -> Verdict:
    """The web process is ready."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=HTTP_S)) as client:
        async with client.get(settings.public_url.rstrip("/") + "/readyz") as response:
            status = response.status
    return status == 200, f"{settings.public_url}/readyz answers {status}"


async def _account_problems(system: System, vault: Vault, account: repository.Account) -> list[str]:
    which = f"{account.kind} account {account.account_id} of tenant {account.scope.tenant_id}"
    problems = [] if account.routed else [f"{which} has no route: connect it again"]
    try:
        if account.secret_id is None or not await vault.reveal(system.db, account.scope, account.secret_id):
            problems.append(f"{which} has an empty secret: connect it again")
    except KonstructError as error:
        problems.append(f"{which} has a secret that does not open ({type(error).__name__})")
    return problems


SETTINGS_CHECKS: dict[str, SettingsCheck] = {"keyring": keyring, "readyz": readyz}
CHECKS: dict[str, SystemCheck] = {"accounts": accounts}
