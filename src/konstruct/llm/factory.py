"""Builds the router from the settings. A wrong or missing one is named in one line; nothing falls back to the demo in silence."""

from __future__ import annotations

from urllib.parse import urlsplit

import structlog

from konstruct.kit.errors import SettingsError
from konstruct.kit.settings import Settings
from konstruct.llm import probe
from konstruct.llm.backends.demo import DemoBackend, Knowledge
from konstruct.llm.backends.openai_compat import OpenAiCompatBackend
from konstruct.llm.backends.scripted import ScriptedBackend
from konstruct.llm.budget import Budget
from konstruct.llm.port import LlmBackend
from konstruct.llm.prices import load_prices
from konstruct.llm.router import PER_TENANT, Router

log = structlog.get_logger()

CHOICES = "openai_compat (a model server), auto (look for one on this machine), demo (quotes documents, no model)"


def build_router(
    settings: Settings, knowledge: Knowledge, *, budget: Budget | None = None, per_tenant: int = PER_TENANT
) -> Router:
    """Return the router of this process. Raises SettingsError naming the setting that is missing or wrong.

    With `auto` it blocks for about a second, to look for servers on loopback.
    """
    prices = load_prices()
    target = _target(settings, knowledge)
    if budget is not None and prices.find(target.model) is None:
        # Costs are null then, and a budget in money cannot bound them.
        log.warning("llm_price_unknown", backend=target.name, model=target.model)
    return Router([target], prices=prices, budget=budget, per_tenant=per_tenant)


def check_model(settings: Settings) -> None:
    """Raise SettingsError naming the setting of the model that is missing or wrong, as far as no server has to be asked."""
    if settings.llm_backend is None:
        raise SettingsError(f"KONSTRUCT_LLM_BACKEND is not set: choose {CHOICES}")
    if settings.llm_backend == "scripted" and settings.env == "production":
        raise SettingsError("KONSTRUCT_LLM_BACKEND=scripted is refused with KONSTRUCT_ENV=production: it is for tests")
    if settings.llm_backend == "openai_compat":
        if not settings.llm_url:
            raise SettingsError("KONSTRUCT_LLM_URL is not set: the model server's base address, such as https://host/v1")
        if not settings.llm_model:
            raise SettingsError("KONSTRUCT_LLM_MODEL is not set: the name of a model that the server at KONSTRUCT_LLM_URL offers")
        _check_url(settings.llm_url)
    if (key := _key(settings)) and not (key.isascii() and key.isprintable()):
        raise SettingsError("KONSTRUCT_LLM_API_KEY is wrong: it holds characters that no HTTP header can carry")


def _target(settings: Settings, knowledge: Knowledge) -> LlmBackend:
    check_model(settings)
    if settings.llm_backend == "demo":
        return DemoBackend(knowledge, env=settings.env)
    if settings.llm_backend == "scripted":
        return ScriptedBackend()
    if settings.llm_backend == "auto":
        return _auto(settings)
    return _backend(settings, settings.llm_url or "", settings.llm_model or "")


def _auto(settings: Settings) -> LlmBackend:
    found = probe.probe(probe.PORTS)
    if found is None:
        ports = ", ".join(str(port) for port in probe.PORTS)
        raise SettingsError(
            f"KONSTRUCT_LLM_BACKEND=auto found no model server on 127.0.0.1 (ports {ports}): start one, "
            "or set KONSTRUCT_LLM_BACKEND=openai_compat with KONSTRUCT_LLM_URL and KONSTRUCT_LLM_MODEL"
        )
    chat = [model for model in found.models if "embed" not in model.lower()] or list(found.models)
    model = settings.llm_model or chat[0]
    if model not in found.models:
        raise SettingsError(f"KONSTRUCT_LLM_MODEL={model} is not offered by the server that auto found at {found.url}")
    log.info("llm_auto_found", url=found.url, model=model, models=len(found.models))
    return _backend(settings, found.url, model)


def _backend(settings: Settings, url: str, model: str) -> LlmBackend:
    return OpenAiCompatBackend(url, model, api_key=_key(settings), timeout_s=settings.llm_timeout_s)


def _key(settings: Settings) -> str | None:
    return settings.llm_api_key.get_secret_value().strip() if settings.llm_api_key else None


def _check_url(url: str) -> None:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        usable = usable and not (parts.query or parts.fragment or parts.username)
    except ValueError:
        usable = False
    if not usable:
        raise SettingsError("KONSTRUCT_LLM_URL is wrong: it must look like https://host/v1, without user, query or fragment")
