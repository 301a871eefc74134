"""A tenant's scope: the token without which no tenant row can be reached."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID


@dataclass(frozen=True, slots=True)
class TenantScope:
    """Names the one tenant that a unit of work is for.

    It is made where the tenant was proved: a routed webhook, a claimed conversation, a signed-in session, the
    operator's command line; never from what a client or a model said.
    """

    tenant_id: UUID

    def __post_init__(self) -> None:
        if not isinstance(self.tenant_id, UUID):
            raise TypeError(f"TenantScope takes a UUID, not {type(self.tenant_id).__name__}")
