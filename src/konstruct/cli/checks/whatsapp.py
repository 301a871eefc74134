"""Checks of WhatsApp: Meta knows our app and delivers here, tokens hold, and the businesses behind the numbers are verified."""

from __future__ import annotations

from uuid import uuid4

import aiohttp

from konstruct.channels.port import Credential
from konstruct.channels.port_abilities import NotGranted
from konstruct.channels.port_signup import NotTold
from konstruct.channels.whatsapp.adapter import WhatsAppAdapter
from konstruct.cli.checks import repository, whatsapp_repository
from konstruct.cli.checks.check import SettingsCheck, System, SystemCheck, Verdict, verdict
from konstruct.cli.checks.whatsapp_repository import Number
from konstruct.db.scope import TenantScope
from konstruct.kit.errors import KonstructError
from konstruct.kit.settings import Settings
from konstruct.tenants.keyring import open_key_provider
from konstruct.tenants.vault import Vault

WEBHOOK = "/webhooks/whatsapp"
HTTP_S = 5.0
EARLY_DAYS = 14
ASKED_MAX = 20
"""Numbers of which Meta is asked in one run."""
_NO_CODE = "konstruct-doctor"
"""Nobody was ever given this code: Meta refuses it once it has taken the app's id and secret, and grants nothing."""
_CODE_REFUSED = "100"


async def app(settings: Settings) -> Verdict:
    """Meta takes the app's id and secret, so that what people approve can be redeemed."""
    if not settings.whatsapp_app_id:
        return None, "KONSTRUCT_WHATSAPP_APP_ID is not set: numbers are connected by `konstruct channel connect whatsapp` alone"
    if not settings.whatsapp_app_secret:
        return False, "KONSTRUCT_WHATSAPP_APP_SECRET is not set: nothing can be redeemed, and no webhook is taken"
    if not settings.whatsapp_config_id:
        return False, "KONSTRUCT_WHATSAPP_CONFIG_ID is not set: Meta's dialog cannot be opened"
    if settings.whatsapp_api_url.startswith("https://") and not settings.public_url.startswith("https://"):
        return False, f"Meta's dialog opens on HTTPS pages only, and this one is {settings.public_url}"
    adapter = WhatsAppAdapter(settings)
    try:
        found = await adapter.redeem(_NO_CODE)
    finally:
        await adapter.close()
    code = found.code if isinstance(found, NotGranted) else "it granted what nobody asked for"
    return code == _CODE_REFUSED, f"Meta answers {code} to a code that it never gave; {_CODE_REFUSED} is right"


async def webhook(settings: Settings) -> Verdict:
    """Our own web answers Meta's challenge to who knows the token, and to nobody else."""
    if settings.whatsapp_verify_token is None:
        wanted = settings.whatsapp_app_id is not None
        return (False if wanted else None), "KONSTRUCT_WHATSAPP_VERIFY_TOKEN is not set: Meta's challenge is refused"
    token = settings.whatsapp_verify_token.get_secret_value()
    challenge = uuid4().hex
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=HTTP_S)) as client:
        right, answer = await _challenge(client, settings, token, challenge)
        wrong, _ = await _challenge(client, settings, f"not-{uuid4().hex}", challenge)
    told = f"{settings.public_url}{WEBHOOK} answers {right} to Meta's challenge with our token, and {wrong} with another"
    return (right, answer, wrong) == (200, challenge, 403), f"{told}; 200 and 403 are right"


async def subscribed(system: System) -> Verdict:
    """Meta delivers here what happens in the accounts of the connected numbers. Sampled."""
    vault, adapter = Vault(open_key_provider(system.settings)), WhatsAppAdapter(system.settings)
    problems: list[str] = []
    asked = 0
    try:
        for scope, number in (await _numbers(system))[:ASKED_MAX]:
            which = f"WhatsApp account {number.account_id} of tenant {scope.tenant_id}"
            if number.business_account_id is None or number.secret_id is None:
                problems.append(f"{which} was connected without its business account: connect it again")
                continue
            try:
                token = await vault.reveal(system.db, scope, number.secret_id)
            except KonstructError as error:
                problems.append(f"{which} has a secret that does not open ({type(error).__name__})")
                continue
            asked += 1
            credential = Credential(scope, number.account_id, number.external_id, token, number.business_account_id)
            found = await adapter.delivered_here(credential)
            if isinstance(found, NotTold):
                problems.append(f"of {which} Meta does not say whether it delivers here: {found.code}")
            elif not found:
                problems.append(f"Meta does not deliver here what happens in {which}")
    finally:
        await adapter.close()
    if not asked and not problems:
        return None, "no WhatsApp number is connected"
    return verdict(problems, f"Meta delivers here what happens in the accounts of {asked} numbers")


async def tokens(system: System) -> Verdict:
    """No access to a number ends soon: nothing but a person can prolong it. Sampled."""
    numbers = await _numbers(system)
    problems = [
        f"the access to WhatsApp account {number.account_id} of tenant {scope.tenant_id} ends in {number.left_days:.0f} days"
        for scope, number in numbers
        if number.left_days is not None and number.left_days < EARLY_DAYS
    ]
    if not numbers:
        return None, "no WhatsApp number is connected"
    return verdict(problems, f"the access to {len(numbers)} numbers holds for {EARLY_DAYS} days at least")


async def verification(system: System) -> Verdict:
    """How the verification of the businesses stands: those that are not verified cannot write first. Sampled."""
    numbers = await _numbers(system)
    if not numbers:
        return None, "no WhatsApp number is connected"
    problems = [
        f"Meta has not accepted the business behind WhatsApp account {number.account_id} of tenant {scope.tenant_id}"
        for scope, number in numbers
        if number.verification == "rejected"
    ]
    waiting = sum(number.verification not in ("approved", "rejected") for _, number in numbers)
    if waiting and not problems:
        return None, f"the businesses behind {waiting} of {len(numbers)} numbers are not verified yet: they cannot write first"
    return verdict(problems, f"the businesses behind {len(numbers)} numbers are verified")


async def _numbers(system: System) -> list[tuple[TenantScope, Number]]:
    found: list[tuple[TenantScope, Number]] = []
    for scope in await repository.sample(system.db):
        async with system.db.tenant(scope) as session:
            found += [(scope, each) for each in await whatsapp_repository.numbers(session)]
    return found


async def _challenge(client: aiohttp.ClientSession, settings: Settings, token: str, challenge: str) -> tuple[int, str]:
    asked = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": challenge}
    async with client.get(settings.public_url.rstrip("/") + WEBHOOK, params=asked) as response:
        return response.status, (await response.content.read(1000)).decode("utf-8", "replace")


SETTINGS_CHECKS: dict[str, SettingsCheck] = {"whatsapp-app": app, "whatsapp-webhook": webhook}
CHECKS: dict[str, SystemCheck] = {
    "whatsapp-subscribed": subscribed,
    "whatsapp-tokens": tokens,
    "whatsapp-verification": verification,
}
