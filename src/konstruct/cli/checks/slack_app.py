"""Checks of installing by a click: Slack knows our app, and what was granted covers what the employee uses."""

from __future__ import annotations

from konstruct.channels.slack import manifest
from konstruct.channels.slack.adapter import SlackAdapter
from konstruct.cli.checks import repository
from konstruct.cli.checks.check import SettingsCheck, System, SystemCheck, Verdict, verdict
from konstruct.kit.settings import Settings

_NO_CODE = "konstruct-doctor"
"""Nobody was ever given this code: Slack refuses it once it has taken the app's id and secret, and grants nothing."""
_CODE_REFUSED = frozenset(("invalid_code", "code_already_used", "code_expired"))


async def app(settings: Settings) -> Verdict:
    """Slack takes the app's id and secret, so that what people approve can be redeemed."""
    if not settings.slack_client_id:
        return None, "KONSTRUCT_SLACK_CLIENT_ID is not set: businesses connect Slack by a token of their own app"
    if not settings.slack_client_secret:
        return False, "KONSTRUCT_SLACK_CLIENT_SECRET is not set: what people approve in Slack cannot be redeemed"
    back = settings.public_url.rstrip("/") + manifest.REDIRECT_PATH
    if settings.slack_api_url.startswith("https://") and not back.startswith("https://"):
        return False, f"Slack leads people back to HTTPS addresses only, and this one is {back}"
    adapter = SlackAdapter(settings)
    try:
        found = await adapter.exchange(_NO_CODE, back)
    finally:
        await adapter.close()
    code = getattr(found, "code", "it granted what nobody asked for")
    return code in _CODE_REFUSED, f"Slack answers {code} to a code that it never gave; invalid_code is right"


async def scopes(system: System) -> Verdict:
    """Every active Slack account was granted what the employee uses, as far as Slack told what was granted. Sampled."""
    problems, known = [], 0
    sample = await repository.sample(system.db)
    for scope in sample:
        async with system.db.tenant(scope) as session:
            granted = await repository.granted_scopes(session, "slack")
        for account_id, held in granted.items():
            known += 1
            if missing := sorted(manifest.NEEDS.keys() - held):
                problems.append(f"account {account_id} of tenant {scope.tenant_id} lacks {', '.join(missing)}")
    if not known:
        return None, "of no active account it is known what Slack granted"
    return verdict(problems, f"{known} active accounts of {len(sample)} tenants may do all that the employee uses")


SETTINGS_CHECKS: dict[str, SettingsCheck] = {"slack-app": app}
CHECKS: dict[str, SystemCheck] = {"slack-scopes": scopes}
