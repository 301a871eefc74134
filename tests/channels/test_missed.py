"""What the log of `web` says of refused posts: each is found once, whatever else stands there."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from konstruct.channels import accounts
from konstruct.channels.ingest import Ingest
from konstruct.channels.missed import EVENT, Refused, find_missed, refused_in
from konstruct.channels.slack.events import parse
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.tenants.vault import Vault
from tests.support.house import team_of
from tests.support.slack_events import encode, message

POST = {"event": EVENT, "channel": "slack", "account_id": "T1", "channel_id": "C1", "post_id": "1.0",
        "sent_at": "2026-11-25T10:00:00+00:00", "addressed": False}  # fmt: skip


def test_a_post_is_found_once_and_a_mention_wins() -> None:
    lines = [json.dumps(POST), json.dumps({**POST, "addressed": True}), json.dumps(POST), json.dumps({**POST, "post_id": "0.5"})]
    posts = refused_in(lines)
    assert [(post.post_id, post.addressed) for post in posts] == [("0.5", False), ("1.0", True)]
    assert posts[1].at == datetime(2026, 11, 25, 10, tzinfo=UTC)


def test_other_lines_are_passed_over() -> None:
    lines = [
        "",
        "Traceback (most recent call last):",
        json.dumps({"event": "webhook_refused", "channel": "slack"}),
        EVENT,
        f'"{EVENT}"',
        f'["{EVENT}"]',
        json.dumps({"event": EVENT, "channel": "slack", "error": "TimeoutError"}),
        json.dumps({**POST, "sent_at": "yesterday"}),
        json.dumps({**POST, "sent_at": 5}),
        json.dumps({name: value for name, value in POST.items() if name != "channel_id"}),
        json.dumps({"event": "other", "note": EVENT, **{k: v for k, v in POST.items() if k != "event"}}),
    ]
    assert refused_in(lines) == []


async def test_what_came_again_is_not_lost_a_mention_that_came_as_a_plain_post_is_and_neighbours_prove_nothing(
    db: Database, house_vault: Vault, tenants: tuple[TenantScope, TenantScope]
) -> None:
    teams = team_of(0, tenants[0]), team_of(1, tenants[1])
    for scope, team in zip(tenants, teams, strict=True):
        await accounts.connect(
            db, house_vault, scope, kind="slack", external_id=team.team_id, app_id=team.app_id,
            bot_user_id=team.bot_user_id, token=team.token,
        )  # fmt: skip
    ingest = Ingest(db, burst_s=0.0, ring=lambda: None)
    # The first business: a direct message came, a mention came as a plain post only. The second has the third one's look-alike.
    for team, channel, ts in ((teams[0], "D1", "100.000001"), (teams[0], "C1", "100.000002"), (teams[1], "D1", "100.000003")):
        body = encode(message(team, channel, "U1", "late", ts=ts))
        assert await ingest.accept("slack", parse(body), body) in (["ready"], ["held"])  # type: ignore[arg-type]  # a message each
    posts = [
        Refused("slack", teams[0].team_id, channel, ts, datetime.now(UTC), True)
        for channel, ts in (("D1", "100.000001"), ("C1", "100.000002"), ("D1", "100.000003"))
    ]
    stranger = Refused("slack", "TNOBODY", "D1", "100.000001", datetime.now(UTC), True)
    first, second = await find_missed(db, [*posts, stranger])
    assert (first.tenant_id, first.refused, [post.post_id for post in first.lost]) == (
        tenants[0].tenant_id, 3, ["100.000002", "100.000003"],
    )  # fmt: skip
    assert (second.tenant_id, second.lost) == (None, (stranger,))
