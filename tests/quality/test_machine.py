"""How a number stands is a pure function: whatever is learned in whatever order, it allows no more than it may."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from konstruct.channels.port_events import AccountChanged
from konstruct.channels.port_numbers import NumberSeen
from konstruct.channels.quality import rating
from konstruct.channels.quality.breaker_rules import RULES, Counts, tripped
from konstruct.channels.quality.levels import LEVELS, SEVERE, worst
from konstruct.channels.quality.machine import COOL_S, Observation, Polled, Resumed, Standing, Told, Tripped, step
from konstruct.channels.whatsapp import polling

_LEVEL = st.sampled_from(LEVELS)
_SEEN = st.one_of(
    st.builds(Polled, _LEVEL, st.just("seen")),
    st.builds(Told, _LEVEL, st.just("told"), st.none() | st.floats(0, 50 * 3600)),
    st.just(Tripped("tripped")),
    st.just(Resumed()),
)
_STORY = st.lists(st.tuples(st.floats(0, 30 * 3600), _SEEN), max_size=25)


def _play(story: list[tuple[float, Observation]]) -> list[tuple[Standing, Observation, Standing, float]]:
    now, standing, played = 0.0, Standing(), []
    for wait_s, observation in story:
        now += wait_s
        after = step(standing, observation, now)
        played.append((standing, observation, after, now))
        standing = after
    return played


@settings(max_examples=400, deadline=None)
@given(_STORY)
def test_whatever_comes_it_allows_no_more_than_it_may(story: list[tuple[float, Observation]]) -> None:
    asked: set[str] = set()
    for old, observation, new, now in _play(story):
        case = (old, observation, new, now)
        assert new.level == worst(new.rating, new.restriction, new.hold, "no_outreach" if new.cooling else "open"), case
        assert step(new, observation, now) == new, ("the same once more is as once", case)
        match observation:
            case Polled(level):
                assert new.rating == level, case
                if level != "open":
                    asked |= {"calm"}
            case Told(level, _, until) if level in SEVERE:
                assert (until is not None and until <= now) or LEVELS.index(new.restriction) >= LEVELS.index(level), case
            case Resumed() if old.resumable or replace(old, restriction="open", restricted_until=None).resumable:
                asked -= {"person"} if new.hold == "open" else set()
        if (isinstance(observation, Polled | Told) and observation.level in SEVERE) or isinstance(observation, Tripped):
            asked |= {"person"}
        if "person" in asked:
            assert new.level != "open", ("nobody is written to first before a person has looked", case)
        if new.level == "open":
            calm = new.calm_since is not None and now - new.calm_since >= COOL_S
            person = isinstance(observation, Resumed)
            assert "calm" not in asked or calm or person, ("a warning is over for a day, or a person said so", case)
            asked.clear()
        assert (new.cause is None) == (new.level == "open"), case


def test_a_warning_ends_by_itself_and_red_does_not() -> None:
    for bad, held in (("no_outreach", False), ("replies_only", True), ("suspended", True)):
        at = step(Standing(), Polled(bad, "seen"), 0.0)  # type: ignore[arg-type]  # levels
        assert (at.level, at.cause) == (bad, "seen")
        assert at.resumable is (bad == "no_outreach"), "nobody overrules the provider; a warning is a warning"
        at = step(at, Polled("open"), 60.0)
        assert at.level == ("suspended" if bad == "suspended" else "no_outreach"), (bad, "one good poll is not enough")
        almost = step(at, Polled("open"), 60.0 + COOL_S - 1)
        assert almost.level != "open", bad
        after = step(almost, Polled("open"), 60.0 + COOL_S)
        assert (after.level == "open") is not held, bad
        resumed = step(after, Resumed(), 60.0 + COOL_S)
        assert resumed.level == "open", bad
    yellow = step(step(Standing(), Polled("no_outreach", "x"), 0.0), Polled("open"), COOL_S)
    again = step(yellow, Polled("no_outreach", "x"), 1.5 * COOL_S)
    assert step(again, Polled("open"), 2.5 * COOL_S).level == "no_outreach", "its day begins anew"


def test_a_restriction_ends_in_its_time_and_a_ban_when_a_person_has_reviewed_it() -> None:
    limited = step(Standing(), Told("replies_only", "ACCOUNT_RESTRICTION", 100.0), 0.0)
    assert not limited.resumable and limited.level == "replies_only"
    assert step(limited, Resumed(), 50.0) == limited, "not while it lasts"
    assert step(limited, Polled("open"), 99.0).level == "replies_only"
    over = step(limited, Polled("open"), 100.0)
    assert (over.level, over.resumable) == ("no_outreach", True)
    assert step(over, Resumed(), 101.0).level == "open"
    banned = step(Standing(), Told("suspended", "DISABLED_UPDATE"), 0.0)
    back = step(step(banned, Told("open"), 10.0), Polled("open"), 11.0)
    assert (back.level, back.resumable) == ("suspended", True), "kept until it was reviewed"
    assert step(back, Resumed(), 12.0).level == "open"
    milder = step(banned, Told("replies_only", "x", 5.0), 1.0)
    assert milder.restriction == "suspended", "what is milder does not lift what is graver"


_SEEN_AS: list[tuple[dict[str, Any], str, str | None]] = [
    ({}, "open", None),
    ({"quality": "GREEN", "status": "CONNECTED", "health": "AVAILABLE"}, "open", None),
    ({"quality": "UNKNOWN", "status": "PENDING"}, "open", None),
    ({"quality": "PURPLE", "status": "TELEPORTED", "health": "WOBBLY"}, "open", None),
    ({"quality": "YELLOW"}, "no_outreach", "quality_yellow"),
    ({"quality": "GREEN", "status": "FLAGGED"}, "no_outreach", "status_flagged"),
    ({"quality": "RED"}, "replies_only", "quality_red"),
    ({"quality": "red", "status": "CONNECTED"}, "replies_only", "quality_red"),
    ({"quality": "GREEN", "status": "RESTRICTED"}, "replies_only", "status_restricted"),
    ({"status": "RATE_LIMITED"}, "replies_only", "status_rate_limited"),
    ({"quality": "RED", "status": "BANNED"}, "suspended", "status_banned"),
    ({"status": "DELETED"}, "suspended", "status_deleted"),
    ({"health": "BLOCKED"}, "no_outreach", "health_blocked"),
    ({"health": "LIMITED"}, "open", None),
]


def test_what_follows_from_a_poll() -> None:
    for said, level, cause in _SEEN_AS:
        assert rating.of_number(NumberSeen(**said)) == (level, cause), said


_CHANGES: list[tuple[str, str, str | None, str | None]] = [
    # (change, standing, detail, level; None: it says nothing of sending)
    ("ACCOUNT_RESTRICTION", "limited", "RESTRICTED_BIZ_INITIATED_MESSAGING", "replies_only"),
    ("ACCOUNT_RESTRICTION", "limited", "RESTRICTED_CUSTOMER_INITIATED_MESSAGING", "suspended"),
    ("ACCOUNT_RESTRICTION", "limited", "RESTRICTED_ADD_PHONE_NUMBER_ACTION", None),
    ("ACCOUNT_RESTRICTION", "limited", "RESTRICTED_ADD_PHONE_NUMBER_ACTION, RESTRICTED_BIZ_INITIATED_MESSAGING", "replies_only"),
    ("ACCOUNT_RESTRICTION", "limited", "RESTRICTED_SOMETHING_NEW", "replies_only"),
    ("DISABLED_UPDATE", "stopped", "DISABLE", "suspended"),
    ("DISABLED_UPDATE", "limited", "SCHEDULE_FOR_DISABLE", "replies_only"),
    ("DISABLED_UPDATE", "good", "REINSTATE", "open"),
    ("ACCOUNT_VIOLATION", "limited", "SCAM", "suspended"),
    ("ACCOUNT_DELETED", "stopped", None, "suspended"),
    ("ACCOUNT_OFFBOARDED", "stopped", None, "suspended"),
    ("ACCOUNT_RECONNECTED", "good", None, "open"),
    ("PARTNER_ADDED", "good", None, None),
    ("NAME_APPROVED", "unchanged", None, None),
    ("FLAGGED", "limited", None, "no_outreach"),
    ("UNFLAGGED", "good", None, "open"),
    ("SOMETHING_NEW", "limited", None, "replies_only"),
    ("SOMETHING_NEW", "stopped", None, "suspended"),
]


def test_what_follows_from_what_the_provider_says_by_itself() -> None:
    for change, standing, detail, level in _CHANGES:
        event = AccountChanged(
            account_key="x", app_id=None, event_key="x", change=change, standing=standing, detail=detail  # type: ignore[arg-type]
        )  # fmt: skip
        found = rating.of_change(event).level if rating.concerns_sending(event) else None
        assert found == level, (change, detail)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.cause)
def test_each_threshold_is_passed_by_its_own_case_alone(rule: Any) -> None:
    calm = Counts(sent=100, sent_hour=20, usual_day=80, failed=3, unwanted=1, opted_out=1, heard=12)
    bad = {
        "breaker_unwanted": replace(calm, unwanted=5, failed=5),
        "breaker_failed": replace(calm, failed=20),
        "breaker_opted_out": replace(calm, opted_out=5),
        "breaker_spike": replace(calm, sent=120, sent_hour=60, heard=1),
        "breaker_unanswered": replace(calm, sent=330, heard=3),
    }[rule.cause]
    assert [each.cause for each in RULES if each.passed(calm)] == []
    assert [each.cause for each in RULES if each.passed(bad)] == [rule.cause]
    found = tripped(bad)
    assert found is not None and found.cause == rule.cause and found.figures["sent"] == bad.sent
    assert rule.why and rule.source


def test_meta_s_words_for_a_number_are_read_and_nothing_else_is_believed() -> None:
    tiers = {
        "TIER_250": 250, "TIER_2K": 2000, "TIER_10K": 10_000, "TIER_100K": 100_000, "TIER_UNLIMITED": -1, "TIER_1M": 1_000_000,
        "TIER_": None, "TIER_K": None, "TIER_-5": None, "250": None, None: None, 250: None, "TIER_²": None,
    }  # fmt: skip
    for word, limit in tiers.items():
        assert polling.limit_of(word) == limit, word
    seen = polling.seen(
        {
            "quality_rating": "GREEN\x00", "status": 7, "throughput": {"level": "HIGH"}, "health_status": ["x"],
            "verified_name": "ا" * 400, "display_phone_number": "  ", "unheard_of": {"a": 1},
        }
    )  # fmt: skip
    assert (seen.quality, seen.status, seen.throughput, seen.health, seen.display_number) == ("GREEN", None, "HIGH", None, None)
    assert seen.verified_name == "ا" * 300
    assert polling.seen({}) == NumberSeen()
