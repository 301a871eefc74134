"""What a channel can do that has message templates: say which there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from konstruct.channels.port import Credential, Failed, Retry


@dataclass(frozen=True, slots=True)
class ListedTemplate:
    """A template as the provider lists it. Its words for state, category and quality are its own."""

    name: str
    language: str
    state: str
    category: str | None = None
    quality: str | None = None
    reason: str | None = None
    """Why it was refused, where it was."""
    provider_id: str | None = None
    named: bool = False
    """Whether its places to fill in have names."""
    components: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class TemplatePage:
    """Some of a business account's templates. `after`: where the next page begins; None: this is the last."""

    templates: tuple[ListedTemplate, ...]
    after: str | None = None


@runtime_checkable
class Templating(Protocol):
    """A channel with message templates."""

    async def templates(
        self, business_account_id: str, credential: Credential, after: str | None = None
    ) -> TemplatePage | Retry | Failed:
        """Return a page of the business account's templates. One call; never raises for a provider's answer."""
