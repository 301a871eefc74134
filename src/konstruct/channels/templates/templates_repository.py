"""SQL of `templates`: what a business account's templates are, and in which state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson

from konstruct.channels.accounts_repository import Account
from konstruct.channels.port_events import TemplateChanged
from konstruct.channels.port_templates import ListedTemplate
from konstruct.channels.templates.template import Template, counts
from konstruct.db.session import TenantSession

LISTED_MAX = 500

_COLUMNS = (
    "t.id, t.kind, t.business_account_id, t.name, t.language, t.state, t.category, t.quality, t.reason, t.provider_id, t.named,"
    " t.components, t.synced_at"
)
_OF_ACCOUNT = (
    "FROM channel_accounts a JOIN templates t ON t.tenant_id = a.tenant_id AND t.kind = a.kind"
    " AND t.business_account_id = a.business_account_id WHERE a.tenant_id = $1 AND a.id = $2"
)


async def of_account(session: TenantSession, account_id: UUID) -> list[Template]:
    """Return the templates that an account can use, by name and language; the first LISTED_MAX."""
    rows = await session.fetch(
        f"SELECT {_COLUMNS} {_OF_ACCOUNT} ORDER BY t.name, t.language LIMIT $3", session.scope.tenant_id, account_id, LISTED_MAX
    )
    return [Template(**row) for row in rows]


async def page(
    session: TenantSession, limit: int, after: tuple[UUID] | None = None, *, account_id: UUID | None = None
) -> list[Template]:
    """Return up to `limit` templates in a lasting order, those behind `after`; of one account's, or of all."""
    rows = await session.fetch(
        f"SELECT {_COLUMNS} FROM templates t WHERE t.tenant_id = $1 AND ($2::uuid IS NULL OR t.id > $2)"
        " AND ($3::uuid IS NULL OR EXISTS (SELECT 1 FROM channel_accounts a WHERE a.tenant_id = $1 AND a.id = $3"
        "   AND a.kind = t.kind AND a.business_account_id = t.business_account_id))"
        " ORDER BY t.id LIMIT $4",
        session.scope.tenant_id,
        after[0] if after else None,
        account_id,
        limit,
    )
    return [Template(**row) for row in rows]


async def of_tenant(session: TenantSession) -> list[Template]:
    """Return the templates of all business accounts, by name and language; the first LISTED_MAX."""
    rows = await session.fetch(
        f"SELECT {_COLUMNS} FROM templates t WHERE t.tenant_id = $1 ORDER BY t.name, t.language, t.id LIMIT $2",
        session.scope.tenant_id,
        LISTED_MAX,
    )
    return [Template(**row) for row in rows]


async def find(session: TenantSession, account_id: UUID, name: str, language: str) -> Template | None:
    """Return the template that the account's provider knows by this name and language, or None."""
    row = await session.fetchrow(
        f"SELECT {_COLUMNS} {_OF_ACCOUNT} AND t.name = $3 AND t.language = $4",
        session.scope.tenant_id,
        account_id,
        name,
        language,
    )
    return Template(**row) if row else None


async def category(session: TenantSession, account_id: UUID, name: str, language: str) -> str | None:
    """Return what the provider charges and judges the template as, or None if that is not known."""
    found: str | None = await session.fetchval(
        "SELECT template_category($1, $2, $3, $4)", session.scope.tenant_id, account_id, name, language
    )
    return found


async def now(session: TenantSession) -> datetime:
    """Return the database's time."""
    found: datetime = await session.fetchval("SELECT clock_timestamp()")
    return found


async def change(session: TenantSession, account_id: UUID, event: TemplateChanged) -> bool:
    """Apply what the provider says, as far as it is newer than what is known; return whether the template's words are known.

    One that was not known is from here on, if its state was said.
    """
    if event.state is not None:
        await session.execute(
            "INSERT INTO templates (tenant_id, id, kind, business_account_id, name, language, provider_id, state, state_at)"
            " SELECT a.tenant_id, uuidv7(), a.kind, $3, $4, $5, $6, $7, to_timestamp($8) FROM channel_accounts a"
            " WHERE a.tenant_id = $1 AND a.id = $2 ON CONFLICT ON CONSTRAINT templates_once DO NOTHING",
            session.scope.tenant_id,
            account_id,
            event.account_key,
            event.name,
            event.language,
            event.template_id or None,
            event.state,
            event.at,
        )
    known = await session.fetchval(
        "UPDATE templates t SET"
        "   state = CASE WHEN $6::text IS NOT NULL AND state_at <= to_timestamp($10) THEN $6 ELSE state END,"
        "   reason = CASE WHEN $6::text IS NOT NULL AND state_at <= to_timestamp($10) THEN $9 ELSE reason END,"
        "   state_at = CASE WHEN $6::text IS NOT NULL THEN greatest(state_at, to_timestamp($10)) ELSE state_at END,"
        "   category = CASE WHEN $7::text IS NOT NULL AND category_at <= to_timestamp($10) THEN $7 ELSE category END,"
        "   category_at = CASE WHEN $7::text IS NOT NULL THEN greatest(category_at, to_timestamp($10)) ELSE category_at END,"
        "   quality = CASE WHEN $8::text IS NOT NULL AND quality_at <= to_timestamp($10) THEN $8 ELSE quality END,"
        "   quality_at = CASE WHEN $8::text IS NOT NULL THEN greatest(quality_at, to_timestamp($10)) ELSE quality_at END"
        " FROM channel_accounts a WHERE a.tenant_id = $1 AND a.id = $2 AND t.tenant_id = $1 AND t.kind = a.kind"
        "   AND t.business_account_id = $3 AND t.name = $4 AND t.language = $5 RETURNING t.synced_at IS NOT NULL",
        session.scope.tenant_id,
        account_id,
        event.account_key,
        event.name,
        event.language,
        event.state and event.state[:100],
        event.category and event.category[:100],
        event.quality and event.quality[:100],
        event.reason and event.reason[:300],
        event.at,
    )
    return bool(known)


async def mark(session: TenantSession, account_id: UUID, name: str, language: str, state: str, reason: str) -> None:
    """The provider refused to send it: that is its state as of now."""
    await session.execute(
        "UPDATE templates t SET state = $5, reason = $6, state_at = clock_timestamp() FROM channel_accounts a"
        " WHERE a.tenant_id = $1 AND a.id = $2 AND t.tenant_id = $1 AND t.kind = a.kind"
        "   AND t.business_account_id = a.business_account_id AND t.name = $3 AND t.language = $4",
        session.scope.tenant_id,
        account_id,
        name,
        language,
        state,
        reason,
    )


_STORE = """
INSERT INTO templates AS t (tenant_id, id, kind, business_account_id, name, language, provider_id, state, category, quality,
  reason, named, components, header_places, body_places, button_places, state_at, category_at, quality_at, synced_at)
SELECT $1, uuidv7(), $2, $3, l.name, l.language, l.provider_id, l.state, l.category, l.quality, l.reason, l.named,
  l.components::jsonb, l.header, l.body, l.button, $16, $16, $16, $16
FROM unnest($4::text[], $5::text[], $6::text[], $7::text[], $8::text[], $9::text[], $10::text[], $11::boolean[], $12::text[],
  $13::integer[], $14::integer[], $15::integer[])
  AS l (name, language, provider_id, state, category, quality, reason, named, components, header, body, button)
ORDER BY l.name, l.language
ON CONFLICT ON CONSTRAINT templates_once DO UPDATE SET
  provider_id = excluded.provider_id, named = excluded.named, components = excluded.components,
  header_places = excluded.header_places, body_places = excluded.body_places, button_places = excluded.button_places,
  -- What was said while we asked is newer than the answer.
  state = CASE WHEN t.state_at <= $16 THEN excluded.state ELSE t.state END,
  reason = CASE WHEN t.state_at <= $16 THEN excluded.reason ELSE t.reason END,
  category = CASE WHEN t.category_at <= $16 THEN excluded.category ELSE t.category END,
  quality = CASE WHEN t.quality_at <= $16 THEN excluded.quality ELSE t.quality END,
  state_at = greatest(t.state_at, $16), category_at = greatest(t.category_at, $16), quality_at = greatest(t.quality_at, $16),
  synced_at = $16
"""


async def store(session: TenantSession, account: Account, listed: Sequence[ListedTemplate], began: datetime) -> int:
    """Keep what the provider listed when it was asked at `began`, all of it, and nothing that it no longer has."""
    # The provider might name one twice.
    once = list({(each.name, each.language): each for each in listed}.values())
    places = [counts(each.components) for each in once]
    await session.execute(
        _STORE,
        session.scope.tenant_id,
        account.kind,
        account.business_account_id,
        [each.name for each in once],
        [each.language for each in once],
        [each.provider_id for each in once],
        [each.state for each in once],
        [each.category for each in once],
        [each.quality for each in once],
        [each.reason for each in once],
        [each.named for each in once],
        [orjson.dumps(each.components, default=dict).decode().replace("\\u0000", "") for each in once],
        [header for header, _, _ in places],
        [body for _, body, _ in places],
        [button for _, _, button in places],
        began,
    )
    await session.execute(
        "DELETE FROM templates WHERE tenant_id = $1 AND kind = $2 AND business_account_id = $3"
        " AND (synced_at IS NULL OR synced_at < $4) AND state_at <= $4",
        session.scope.tenant_id,
        account.kind,
        account.business_account_id,
        began,
    )
    await session.execute(
        "UPDATE channel_accounts SET templates_synced_at = $4, templates_failure = NULL"
        " WHERE tenant_id = $1 AND kind = $2 AND business_account_id = $3",
        session.scope.tenant_id,
        account.kind,
        account.business_account_id,
        began,
    )
    return len(once)


async def note_failure(session: TenantSession, account_id: UUID, reason: str) -> None:
    """Say why the provider could not be asked."""
    await session.execute(
        "UPDATE channel_accounts SET templates_failure = $3 WHERE tenant_id = $1 AND id = $2",
        session.scope.tenant_id,
        account_id,
        reason[:200],
    )


@dataclass(frozen=True, slots=True)
class Holder:
    """An account that has templates, and what is known of them."""

    id: UUID
    kind: str
    external_id: str
    business_account_id: str
    account_name: str
    phone_number: str | None
    synced_at: datetime | None
    """When the provider was last asked with success."""
    failure: str | None
    """Why it could not be asked since."""
    asking: bool
    """Whether it is being asked, or is about to be."""


async def holders(session: TenantSession) -> list[Holder]:
    """Return the connected accounts that can have templates, in order; the first 100."""
    rows = await session.fetch(
        "SELECT a.id, a.kind, a.external_id, a.business_account_id, a.account_name, a.phone_number,"
        "   a.templates_synced_at AS synced_at, a.templates_failure AS failure,"
        "   EXISTS (SELECT 1 FROM tenant_jobs j WHERE j.tenant_id = $1 AND j.kind = 'template_sync' AND j.subject_id = a.id"
        "     AND (j.due_at <= now() OR j.attempts > 0)) AS asking"
        " FROM channel_accounts a WHERE a.tenant_id = $1 AND a.business_account_id IS NOT NULL AND a.secret_id IS NOT NULL"
        " ORDER BY a.connected_at, a.id LIMIT 100",
        session.scope.tenant_id,
    )
    return [Holder(**row) for row in rows]


async def get(session: TenantSession, account_id: UUID, template_id: UUID) -> Template | None:
    """Return a template that an account can use, by its id, or None."""
    row = await session.fetchrow(
        f"SELECT {_COLUMNS} {_OF_ACCOUNT} AND t.id = $3", session.scope.tenant_id, account_id, template_id
    )
    return Template(**row) if row else None
