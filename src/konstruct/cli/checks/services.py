"""Checks of what stands beside the database: Redis, the broker, the model."""

from __future__ import annotations

import aiohttp

from konstruct.cli.checks.check import SettingsCheck, Verdict
from konstruct.db.redis import Redis
from konstruct.kit.errors import SettingsError
from konstruct.kit.reach import reach_problem
from konstruct.kit.settings import Settings, load_settings

REACH_S = 3.0
MODEL_S = 10.0


async def redis(settings: Settings) -> Verdict:
    """Redis answers."""
    return await _reached(settings.redis_url.get_secret_value() if settings.redis_url else None, "KONSTRUCT_REDIS_URL")


async def broker(settings: Settings) -> Verdict:
    """The broker answers."""
    return await _reached(settings.broker_url.get_secret_value() if settings.broker_url else None, "KONSTRUCT_BROKER_URL")


async def redis_keys(settings: Settings) -> Verdict:
    """Every key of our Redis says whose it is."""
    if settings.redis_url is None:
        return None, "KONSTRUCT_REDIS_URL is not set"
    opened = Redis.open(settings)
    try:
        survey = await opened.survey()
    finally:
        await opened.close()
    looked = f"{survey.seen} keys were looked at" + ("" if survey.whole else ", not all of them")
    if survey.foreign:
        return False, f"{survey.foreign} keys do not begin with a tenant or the platform; {looked}"
    return True, f"every key begins with k1:{{tenant}}: or k1:{{platform}}:; {looked}"


async def model(settings: Settings) -> Verdict:
    """A model is configured, and its server takes our key."""
    if settings.llm_backend is None:
        return False, "KONSTRUCT_LLM_BACKEND is not set"
    if settings.llm_backend != "openai_compat":
        return None, f"backend {settings.llm_backend}: no model server is configured"
    if not settings.llm_url or not settings.llm_model:
        return False, "KONSTRUCT_LLM_URL or KONSTRUCT_LLM_MODEL is not set"
    base = settings.llm_url.rstrip("/").removesuffix("/chat/completions")
    key = settings.llm_api_key.get_secret_value() if settings.llm_api_key else None
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=MODEL_S)) as client:
        async with client.get(f"{base}/models", headers=headers, allow_redirects=False) as response:
            status = response.status
    # Not every server lists its models; that it answers and does not refuse the key is what can be seen for free.
    return status < 500 and status not in (401, 403), f"the model server answers {status} to a look at its models"


async def demo_refused(settings: Settings) -> Verdict:
    """The demo cannot serve customers."""
    try:
        load_settings(env="production", llm_backend="demo")
    except SettingsError:
        return (
            True,
            f"the demo is refused in production; here ENV is {settings.env}, the backend {settings.llm_backend or 'not set'}",
        )
    return False, "settings with ENV=production and LLM_BACKEND=demo were accepted"


async def _reached(url: str | None, variable: str) -> Verdict:
    if url is None:
        return None, f"{variable} is not set"
    problem = await reach_problem(url, REACH_S)
    return problem is None, problem or f"{variable} answers"


CHECKS: dict[str, SettingsCheck] = {
    "redis": redis,
    "redis-keys": redis_keys,
    "broker": broker,
    "model": model,
    "demo-refused": demo_refused,
}
