"""What makes a message the same message: the delivery's own key, the post's, and the one the client gave it."""

from __future__ import annotations

from konstruct.channels.ingest import Ingest, Result
from konstruct.channels.slack.events import parse
from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.db.session import Record
from tests.support.slack_events import Team, encode, envelope, message

Tenants = tuple[TenantScope, TenantScope]


async def accept(ingest: Ingest, delivery: dict[str, object]) -> Result:
    body = encode(delivery)
    (result,) = await ingest.accept("slack", parse(body), body)  # type: ignore[arg-type]  # every body here holds a message
    return result


async def stored(db: Database, scope: TenantScope, table: str) -> list[Record]:
    async with db.tenant(scope) as session:
        return await session.fetch(f"SELECT * FROM {table} WHERE tenant_id = $1", scope.tenant_id)


async def test_a_delivery_that_comes_again_is_a_duplicate_and_its_body_is_kept_once(
    db: Database, ingest: Ingest, teams: tuple[Team, Team], tenants: Tenants
) -> None:
    first = message(teams[0], "D1", "U1", "hello")
    # The same event of another workspace is another event.
    same = {**message(teams[1], "D1", "U1", "hello"), "event_id": first["event_id"]}
    assert [await accept(ingest, delivery) for delivery in (first, first, same, same)] == ["ready", "duplicate"] * 2
    for scope in tenants:
        assert len(await stored(db, scope, "inbound_events")) == 1
        assert len(await stored(db, scope, "messages")) == 1


async def test_a_post_that_the_second_event_addresses_becomes_ready(
    db: Database, ingest: Ingest, teams: tuple[Team, Team], tenants: Tenants
) -> None:
    for team, scope in zip(teams, tenants, strict=True):
        plain = message(team, "C1", "U1", "is anybody there?")
        mention = {key: value for key, value in plain["event"].items() if key != "channel_type"}
        addressed = envelope(team, {**mention, "type": "app_mention"})
        assert [await accept(ingest, delivery) for delivery in (plain, addressed, plain, addressed)] == [
            "held", "ready", "duplicate", "duplicate",
        ]  # fmt: skip
        (kept,) = await stored(db, scope, "messages")
        assert kept["addressed"] and kept["state"] == "pending"
        assert [(row["lane"], row["state"]) for row in await stored(db, scope, "ready_queue")] == [("turn", "ready")]


async def test_one_gesture_under_two_times_is_one_message(
    db: Database, ingest: Ingest, teams: tuple[Team, Team], tenants: Tenants
) -> None:
    """Slack has been seen to show one message under two times, with the same id of the client."""
    for team, scope in zip(teams, tenants, strict=True):
        first = message(team, "D1", "U1", "once", client_msg_id="one-gesture")
        again = message(team, "D1", "U1", "once", client_msg_id="one-gesture")
        assert first["event"]["ts"] != again["event"]["ts"]
        assert [await accept(ingest, delivery) for delivery in (first, again)] == ["ready", "merged"]
        assert len(await stored(db, scope, "messages")) == 1


async def test_another_app_of_the_same_workspace_is_nobodys(
    db: Database, ingest: Ingest, teams: tuple[Team, Team], tenants: Tenants
) -> None:
    stranger = {**message(teams[0], "D1", "U1", "hello"), "api_app_id": "A2"}
    assert await accept(ingest, stranger) == "wrong_app"
    for scope in tenants:
        assert await stored(db, scope, "messages") == []


async def test_a_delivery_that_names_no_app_is_the_signing_apps(
    db: Database, ingest: Ingest, teams: tuple[Team, Team], tenants: Tenants
) -> None:
    """Emulators, and old deliveries, say neither which app they are for nor whose bot hears them."""
    for team, scope in zip(teams, tenants, strict=True):
        bare = message(team, "D1", "U1", "hello")
        del bare["api_app_id"], bare["authorizations"]
        assert await accept(ingest, bare) == "ready"
        assert len(await stored(db, scope, "messages")) == 1


async def test_our_own_words_are_never_a_persons(
    db: Database, ingest: Ingest, teams: tuple[Team, Team], tenants: Tenants
) -> None:
    """Shown without a word of a bot, they would be answered for ever. Another business's bot is a stranger here."""
    own, other = (team.bot_user_id for team in teams)
    said = message(teams[0], "D1", own, "I am here")
    del said["authorizations"]
    assert await accept(ingest, said) == "own"
    assert await stored(db, tenants[0], "messages") == []
    said = message(teams[0], "D1", other, "so am I")
    assert await accept(ingest, said) == "ready"
