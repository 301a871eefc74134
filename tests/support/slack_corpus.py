"""A day of a workspace, and of an organisation, as Slack delivers it: written after its documentation, each event type once.

The words say what is to come of a message: `ask…` is answered, once; nothing is said of any other.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, field
from typing import Any

from tests.support.slack_events import Team, changed, deleted, envelope, inner, mention_pair, message, new_ts, tombstone

Delivery = dict[str, Any]
_numbers = itertools.count(1)


@dataclass
class Day:
    """What is delivered, and what must come of it. `mark` tells the words of one day from another's."""

    mark: str
    deliveries: list[Delivery] = field(default_factory=list)
    answered: set[str] = field(default_factory=set)
    silent: set[str] = field(default_factory=set)

    def ask(self, name: str) -> str:
        """Return words that are answered once."""
        self.answered.add(word := f"ask{name}{self.mark}")
        return word

    def hush(self, name: str) -> str:
        """Return words that nobody hears again."""
        self.silent.add(word := f"hush{name}{self.mark}")
        return word

    def add(self, *deliveries: Delivery) -> None:
        """Deliver these as well."""
        self.deliveries += deliveries


def rich(delivery: Delivery) -> Delivery:
    """Return a message with all that Slack puts around it."""
    event = delivery["event"]
    number = next(_numbers)
    element = {"type": "rich_text_section", "elements": [{"type": "text", "text": event.get("text") or ""}]}
    more = {
        "client_msg_id": f"{number:08x}-0000-4000-8000-{number:012x}",
        "blocks": [{"type": "rich_text", "block_id": f"b{number}", "elements": [element]}],
        "team": delivery["team_id"],
    }
    return {**delivery, "event": {**more, **event}, "event_context": f"4-{number}", "context_enterprise_id": None}


def a_day(team: Team, organisation: Team, files: list[dict[str, Any]]) -> Day:
    """Return a day; `files` are two of the workspace's, of which the second must be asked for."""
    day = Day(f"x{next(_numbers)}x")
    _direct(day, team, files)
    _channels(day, team)
    _changes(day, team)
    _nobody(day, team)
    _shared(day, team)
    _around(day, team)
    _organisation(day, organisation)
    return day


def _direct(day: Day, team: Team, files: list[dict[str, Any]]) -> None:
    context = {"entities": [{"type": "slack#/types/channel_id", "value": "C2"}]}
    day.add(rich(message(team, "D1", "U1", day.ask("plain"), app_context=context)))
    day.add(rich(message(team, "D1", "U1", day.ask("inthread"), thread_ts=new_ts(), parent_user_id=team.bot_user_id)))
    day.add(rich(message(team, "D1", "U1", day.ask("files"), subtype="file_share", files=files, upload=False)))
    day.add(rich(message(team, "D2", "W2", day.ask("me"), subtype="me_message")))
    day.add(rich(message(team, "D2", "W2", f"{day.ask('odd')} \u0000\ud83d <@U9> &amp; 👩‍🚀")))


def _channels(day: Day, team: Team) -> None:
    pair = mention_pair(team, "C1", "U1", day.ask("mention"))
    root = pair[0]["event"]["ts"]
    day.add(*pair)
    day.add(rich(message(team, "C1", "U2", day.ask("reply"), thread_ts=root, parent_user_id="U1")))
    day.add(rich(message(team, "C1", "U1", day.ask("broadcast"), thread_ts=root, subtype="thread_broadcast", root={"ts": root})))
    day.add(rich(message(team, "C1", "U3", day.hush("chatter"))))
    day.add(*mention_pair(team, "C2", "U1", day.ask("private"), channel_type="group"))
    day.add(*mention_pair(team, "C2", "U1", day.ask("several"), channel_type="mpim"))


def _changes(day: Day, team: Team) -> None:
    first = rich(message(team, "D1", "U1", day.hush("misspelt")))
    second = changed(team, first, day.hush("misspeltagain"))
    day.add(first, second, changed(team, first, day.ask("wellspelt")))
    late = rich(message(team, "C1", "U1", day.hush("nomention")))
    now = f"<@{team.bot_user_id}> {day.ask('latemention')}"
    edit = changed(team, late, now)
    day.add(late, edit)
    day.add(envelope(team, inner(late) | {"type": "app_mention", "channel": "C1", "text": now, "edited": _edited(late)}))
    unfurled = rich(message(team, "D2", "W2", day.ask("link")))
    day.add(unfurled, changed(team, unfurled, attachments=[{"title": "Example", "from_url": "https://example.com"}]))
    for how, (post, *mention) in (
        (deleted, (rich(message(team, "D1", "U1", day.hush("takenback"))),)),
        (tombstone, mention_pair(team, "C1", "U1", day.hush("buried"))),
    ):
        day.add(post, *mention, changed(team, post, day.hush("takenbackagain")), how(team, post))


def _edited(delivery: Delivery) -> dict[str, Any]:
    return {"user": "U1", "ts": f"{int(delivery['event']['ts'].partition('.')[0]) + 1}.000000"}


def _nobody(day: Day, team: Team) -> None:
    mention = f"<@{team.bot_user_id}>"
    profile = {"id": "B7", "app_id": "A7", "name": "Robot", "team_id": team.team_id}
    day.add(message(team, "C1", "U7", f"{mention} {day.hush('robot')}", bot_id="B7", app_id="A7", bot_profile=profile))
    day.add(message(team, "C1", "U7", f"{mention} {day.hush('robotmention')}", kind="app_mention", bot_id="B7"))
    day.add(message(team, "D1", "", day.hush("webhook"), subtype="bot_message", bot_id="B8", username="Hook"))
    robot = message(team, "C1", "U7", day.hush("robotchanged"), bot_id="B7")
    day.add(changed(team, robot, f"{mention} {day.hush('robotchangedagain')}"), deleted(team, robot))
    mine = {"bot_id": f"B{team.team_id}", "app_id": team.app_id}
    own = message(team, "D1", team.bot_user_id, day.hush("own"), **mine)
    day.add(own, changed(team, own, day.hush("ownagain")), deleted(team, own))
    day.add(message(team, "D1", team.bot_user_id, day.hush("ownbare")))
    metadata = {"event_type": "konstruct_delivery", "event_payload": {"delivery_id": "01990000-0000-7000-8000-000000000009"}}
    posted = {"type": "message_metadata_posted", "app_id": team.app_id, "bot_id": mine["bot_id"], "channel_id": "D1"}
    day.add(envelope(team, posted | {"metadata": metadata, "message_ts": new_ts(), "event_ts": new_ts(), "user_id": "U1"}))
    for user in ("USLACK", "USLACKBOT"):
        day.add(message(team, "D1", user, day.hush("system")))
    for subtype in (
        *("channel_join", "channel_leave", "channel_topic", "channel_purpose", "channel_name", "channel_archive"),
        *("channel_unarchive", "group_join", "group_topic", "message_replied", "ekm_access_denied", "assistant_app_thread"),
        "something_new",
    ):
        day.add(message(team, "C1", "U1", f"{mention} {day.hush('subtype')}", subtype=subtype))
    day.add(message(team, "C1", "U1", f"{mention} {day.hush('hidden')}", hidden=True))


def _shared(day: Day, team: Team) -> None:
    """A channel that is shared with another company."""
    away = {"user_team": "T0AWAY", "source_team": "T0AWAY", "user_profile": {"team": "T0AWAY", "display_name": "Sam"}}
    for delivery in mention_pair(team, "C1", "U0AWAY", day.hush("stranger"), **away):
        day.add({**delivery, "team_id": "T0AWAY", "is_ext_shared_channel": True})
    home = {"user_team": team.team_id, "source_team": team.team_id}
    for delivery in mention_pair(team, "C1", "U1", day.ask("colleague"), **home):
        day.add({**delivery, "team_id": "T0AWAY", "is_ext_shared_channel": True})


def _around(day: Day, team: Team) -> None:
    """What is no message. Some of it is not for us at all."""
    for event in (
        {"type": "app_home_opened", "user": "U1", "channel": "D1", "tab": "messages"},
        {"type": "app_home_opened", "user": "U1", "channel": "D1", "tab": "home", "view": {"id": "V1", "type": "home"}},
        {"type": "app_context_changed", "user": "U1", "channel": "D1", "context": {"entities": []}},
        {"type": "member_joined_channel", "user": team.bot_user_id, "channel": "C2", "channel_type": "C", "inviter": "U1"},
        {"type": "member_joined_channel", "user": "U3", "channel": "C2", "channel_type": "C"},
        {"type": "member_left_channel", "user": team.bot_user_id, "channel": "C2"},
        {"type": "channel_left", "channel": "C9", "actor_id": "U1"},
        {"type": "channel_archive", "channel": "C9", "user": "U1"},
        {"type": "assistant_thread_started", "assistant_thread": {"user_id": "U1", "channel_id": "D1"}},
        {"type": "assistant_thread_context_changed", "assistant_thread": {"user_id": "U1", "channel_id": "D1"}},
        {"type": "reaction_added", "user": "U1", "reaction": "eyes", "item": {"type": "message", "channel": "C1"}},
    ):
        day.add(envelope(team, {**event, "event_ts": new_ts()}))
    day.add({"type": "app_rate_limited", "team_id": team.team_id, "api_app_id": team.app_id, "minute_rate_limited": 1518467820})
    day.add({"type": "url_verification", "token": "t", "challenge": "a challenge"})


def _organisation(day: Day, team: Team) -> None:
    """All of an organisation installed the app at once: its id routes, whichever workspace somebody is in."""
    grid = {"enterprise_id": team.team_id, "team_id": None, "is_enterprise_install": True, "is_bot": True}
    asked = [rich(message(team, "D1", "W1", day.ask("grid"))), *mention_pair(team, "C1", "W2", day.ask("gridmention"))]
    for delivery in asked:
        authorization = {**grid, "user_id": team.bot_user_id}
        event = {**delivery["event"], "team": "T0WEST", "user_team": "T0WEST"}
        around = {"team_id": "T0WEST", "enterprise_id": team.team_id, "authorizations": [authorization]}
        day.add({**delivery, **around, "event": event})


def body_of(delivery: Delivery) -> bytes:
    """Return the delivery's bytes."""
    return json.dumps(delivery).encode()
