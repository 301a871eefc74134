"""The whole service layer against a model per tenant: whatever anybody does, in whatever order, each sees its own only.

The examples are the same ones each time. The long form has others in each run, and as many as ISOLATION_EXAMPLES says.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar
from uuid import UUID

import structlog.testing
from hypothesis import HealthCheck, Phase
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from konstruct.channels import account_list_repository, accounts, delivery_log_repository
from konstruct.conversations import (
    dead_letters,
    dead_letters_repository,
    inbox_repository,
    indexing,
    notes_repository,
    overview_repository,
    ownership,
    replies,
    thread_repository,
)
from konstruct.conversations.colleague import Colleague
from konstruct.conversations.ownership import OwnerChangedError
from konstruct.conversations.search import search
from konstruct.db.redis import TenantRedis
from konstruct.db.session import TenantSession
from konstruct.kit.errors import ConflictError, NotFoundError
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import Settings
from konstruct.tenants import (
    api_keys,
    api_keys_repository,
    employees,
    members,
    members_repository,
    notices,
    notices_repository,
    service,
    sessions,
    sign_in,
)
from konstruct.tenants import settings as business_settings
from konstruct.tenants.employees_draft import Draft
from konstruct.tenants.members import MemberError
from konstruct.tenants.members_repository import Member
from konstruct.tenants.notices import Trouble
from konstruct.tenants.settings import BusinessSettings
from tests.isolation.ledger import MAILS, Business, Letter, Talk
from tests.isolation.world import CANARY, World, new_runner, open_world
from tests.support.inbox import plain
from tests.support.queueing import empty_queue

WORDS = ("alpha", "bravo", "charlie", "delta")
PEOPLE = ("ann", "bob", "cat")
ROLES = ("owner", "admin", "operator", "viewer")
BROWSER = "browser-secret"

ACTS = (
    *("hears",) * 6,
    *("a_worker_works",) * 3,
    *("trespasses", "takes_over", "hands_back", "replies", "adds_a_document", "decides_on_a_dead_letter") * 2,
    "hears_again",
    "notes",
    "removes_a_document",
    "looks_a_document_up",
    "edits_the_employee",
    "restores_a_version",
    "adds_a_member",
    "changes_a_role",
    "removes_a_member",
    "invites",
    "asks_by_email",
    "uses_a_link",
    "comes_by",
    "signs_out",
    "makes_a_key",
    "uses_or_revokes_a_key",
    "changes_settings",
    "raises_or_resolves_a_notice",
    "is_suspended_or_resumed",
    "connects_or_disconnects",
    "keeps_something_in_valkey",
    "searches",
    "reads_everything",
)
"""What a tenant may do in a step; what makes others possible, more often."""
HAPPENS = (
    "messages heard",
    "duplicates",
    "turns",
    "dead letters",
    "to human",
    "to ai",
    "human replies",
    "messages found",
    "documents removed",
    "versions restored",
    "members removed",
    "mails",
    "sessions",
    "keys used",
    "notices resolved",
    "suspensions",
    "disconnections",
    "attempts",
)
"""What must have come of them at least once."""
Work = Coroutine[Any, Any, Any]
Attempt = tuple[str, Callable[[], Work], object]
"""What another tenant's id is tried on, the call, and what comes of it: an error's class, or a value."""


def _id(talk: Talk) -> UUID:
    assert talk.id is not None
    return talk.id


class Machine(RuleBasedStateMachine):
    """Two or three tenants, and everything that one may do."""

    world: ClassVar[World]
    started: ClassVar[int] = 0
    did: ClassVar[Counter[str]] = Counter()
    """How often what a rule is about really happened."""

    @initialize(count=st.integers(2, 3))
    def begin(self, count: int) -> None:
        Machine.started += 1
        self.mark = f"{uuid7().hex[-8:]}X{Machine.started}".upper()
        self.all = [self.world.run(self.world.found(number, self.mark)) for number in range(count)]
        self.acted: list[Business] = []
        self.ended = True
        """Whether the last step came to its end: the first failure is the one to be told of."""
        self.world.wire.posts.clear()

    def teardown(self) -> None:
        if not hasattr(self, "all"):
            return
        try:
            if self.ended:
                self._all_are_as_the_model_says()
        finally:
            self.world.run(self.world.rest(self.all))

    @rule(
        who=st.integers(0, 2), act=st.sampled_from(ACTS), pick=st.integers(0, 11), word=st.sampled_from(WORDS), yes=st.booleans()
    )
    def does(self, who: int, act: str, pick: int, word: str, yes: bool) -> None:
        """One rule for all acts: with many rules, most examples would go without most of them."""
        business = self.all[who % len(self.all)]
        self.acted.append(business)
        self.did[act] += 1
        self.ended = False
        getattr(self, act)(business, pick, word, yes)
        self.ended = True

    def inside(self, business: Business, work: Callable[[TenantSession], Work]) -> Work:
        return self.world.db.run(business.scope, work)

    # Messages and turns

    def hears(self, business: Business, pick: int, word: str, yes: bool) -> None:
        business.posts += 1
        self._heard(business, f"D{pick % 3}", business.posts, f"{word} {business.canary}")

    def hears_again(self, business: Business, pick: int, word: str, yes: bool) -> None:
        talk = self._talk(business, pick)
        post = next((line.post for line in reversed(talk.lines) if line.post is not None), None)
        if post is not None:
            outcome = self.world.run(self.world.hear(business, talk.key, post, "again"))
            assert outcome == (self._refusal(business) or "duplicate")
            self.did["duplicates"] += outcome == "duplicate"

    def _heard(self, business: Business, key: str, post: int, text: str) -> None:
        outcome = self.world.run(self.world.hear(business, key, post, text))
        talk = business.talks.setdefault(key, Talk(key))
        if (refusal := self._refusal(business)) is not None:
            assert outcome == refusal
            return
        assert outcome == ("ready" if talk.owner == "ai" else "human")
        talk.add("in", "contact", text, "pending" if talk.owner == "ai" else "human", post)
        if talk.id is None:
            (found,) = [x for x in self._listed(business) if x.channel_id == key]
            talk.id = found.id
        self.did["messages heard"] += 1

    def _refusal(self, business: Business) -> str | None:
        if not business.connected:
            return "unknown_account"
        return None if business.active else "suspended"

    def _listed(self, business: Business) -> list[inbox_repository.Listed]:
        page = inbox_repository.list_conversations
        return list(self.world.run(self.inside(business, lambda s: page(s, inbox_repository.Filter())))[0])

    def _talk(self, business: Business, pick: int, owner: str | None = None) -> Talk:
        """One of the conversations; of those that `owner` answers, if there are any."""
        known = [talk for talk in business.talks.values() if talk.id is not None]
        known = [talk for talk in known if talk.owner == owner] or known
        return known[pick % len(known)] if known else Talk("none")

    def a_worker_works(self, business: Business, pick: int, word: str, yes: bool) -> None:
        refuses = yes and pick < 6
        self.world.run(self.world.work(refuses=refuses))
        for each in self.all:
            self.acted.append(each)
            if not each.active:
                continue
            for talk in each.talks.values():
                self.did["turns"] += each.turn(talk)
            for talk in each.talks.values():
                self._name_letters(each, talk, each.send(talk, refuses=refuses))

    def _name_letters(self, business: Business, talk: Talk, made: list[Letter]) -> None:
        if not made:
            return
        letters = self.world.run(self.inside(business, lambda s: dead_letters_repository.list_open(s, 1000)))
        new = [x for x in letters if x.conversation_id == talk.id and x.id not in talk.letters]
        assert len(new) == len(made)
        for letter, ours in zip(sorted(new, key=lambda x: (x.created_at, x.id)), made, strict=True):
            talk.letters[letter.id] = ours
            self.did["dead letters"] += 1

    # A person of the business

    def takes_over(self, business: Business, pick: int, word: str, yes: bool) -> None:
        told = f"{business.boss.name} from {business.name} has joined the conversation."
        self._owner(business, self._talk(business, pick, "ai"), ownership.take_over, pick > 9, "human", told)

    def hands_back(self, business: Business, pick: int, word: str, yes: bool) -> None:
        told = f"{business.employee} is back and will answer from here."
        self._owner(business, self._talk(business, pick, "human"), ownership.hand_back, pick > 9, "ai", told)

    def _owner(self, business: Business, talk: Talk, change: Callable[..., Work], stale: bool, owner: str, told: str) -> None:
        if talk.id is None:
            return
        found, seen = talk.id, talk.epoch + stale
        work = self.inside(business, lambda s: change(s, found, seen, self._colleague(business), plain))
        if stale or talk.owner == owner:
            assert self.world.refused(work, OwnerChangedError)
        else:
            assert self.world.run(work) == talk.epoch + 1
            talk.change_owner(owner, told)
            self.did[f"to {owner}"] += 1

    def replies(self, business: Business, pick: int, word: str, yes: bool) -> None:
        found = self._talk(business, pick, "human")
        if found.id is None:
            return
        text, colleague, at = f"{word} says a colleague {business.canary}", self._colleague(business), found.id
        work = self.inside(business, lambda s: replies.reply(s, at, found.epoch, uuid7(), text, colleague, plain))
        if found.owner == "ai":
            assert self.world.refused(work, OwnerChangedError)
        else:
            self.world.run(work)
            found.say("human", text, "human")
            self.did["human replies"] += 1

    def notes(self, business: Business, pick: int, word: str, yes: bool) -> None:
        found = self._talk(business, pick)
        if found.id is None:
            return
        at, note_id, text = found.id, uuid7(), f"{word} {business.canary}"
        if yes and found.notes:
            gone = next(iter(found.notes))
            self.world.run(self.inside(business, lambda s: notes_repository.remove(s, at, gone)))
            del found.notes[gone]
        else:
            self.world.run(self.inside(business, lambda s: notes_repository.add(s, at, note_id, text, self._colleague(business))))
            found.notes[note_id] = text

    def _colleague(self, business: Business) -> Colleague:
        return Colleague(business.boss.id, business.boss.name)

    def decides_on_a_dead_letter(self, business: Business, pick: int, word: str, yes: bool) -> None:
        letters = sorted(business.letters().items(), key=lambda item: item[1][1].resolution is not None)
        letters = letters[: 1 + pick % 2]
        if not letters:
            return
        letter_id, (talk, letter) = letters[pick % len(letters)]
        decide = dead_letters.retry if yes else dead_letters.discard
        work = self.inside(business, lambda s: decide(s, letter_id))
        if letter.resolution is not None:
            assert self.world.run(work).resolution == letter.resolution
            return
        if yes and letter.epoch != talk.epoch:
            assert self.world.refused(work, ConflictError)
            return
        letter.resolution = self.world.run(work).resolution
        if yes:
            talk.next_seq += 1
            talk.outbox.append(talk.again(letter))
            self.did["letters retried"] += 1
        if all(x.resolution is not None for _, x in business.letters().values()):
            business.settled("delivery_failed")

    # What the employee knows and is

    def adds_a_document(self, business: Business, pick: int, word: str, yes: bool) -> None:
        title, text = f"About {word}", f"All about {word}: {business.canary}."
        known = next((key for key, (_, told) in business.documents.items() if told == text), None)
        stored = self.world.run(self.world.documents.store(business.scope, title, text, "test"))
        assert stored.known is (known is not None) and known in (None, stored.id)
        business.documents[stored.id] = title, text

    def removes_a_document(self, business: Business, pick: int, word: str, yes: bool) -> None:
        if not business.documents:
            self.adds_a_document(business, pick, word, yes)
        if business.documents:
            gone = list(business.documents)[pick % len(business.documents)]
            self.world.run(self.world.documents.remove(business.scope, gone))
            del business.documents[gone]
            self.did["documents removed"] += 1

    def looks_a_document_up(self, business: Business, pick: int, word: str, yes: bool) -> None:
        passages = self.world.run(self.world.documents.passages(business.scope, word, 10))
        expected = {key for key, (title, _) in business.documents.items() if word in title}
        assert {passage.document_id for passage in passages} == expected

    def edits_the_employee(self, business: Business, pick: int, word: str, yes: bool) -> None:
        told, number = f"{word} knows {business.canary}", len(business.versions)
        draft = Draft(name=business.employee, instructions=told)
        work = employees.save(self.world.db, business.scope, draft, number - yes, business.boss)
        if told == business.versions[-1]:
            assert self.world.run(work).changed is False
        elif yes:
            assert self.world.refused(work, employees.StaleError)
        else:
            assert self.world.run(work).version == number + 1
            business.versions.append(told)

    def restores_a_version(self, business: Business, pick: int, word: str, yes: bool) -> None:
        if len(business.versions) == 1:
            self.edits_the_employee(business, pick, word, False)
        number = 1 + pick % (len(business.versions) + 1)
        work = employees.restore(self.world.db, business.scope, number, len(business.versions), business.boss)
        if number > len(business.versions):
            assert self.world.refused(work, NotFoundError)
        elif self.world.run(work).changed:
            business.versions.append(business.versions[number - 1])
            self.did["versions restored"] += 1
        else:
            assert business.versions[number - 1] == business.versions[-1]

    # Members, sessions, keys

    def adds_a_member(self, business: Business, pick: int, word: str, yes: bool) -> None:
        email = f"{PEOPLE[pick % 3]}@{self.mark}.example.com".lower()
        work = members.add(self.world.db, business.scope, business.boss, name=word, email=email, role=ROLES[pick % 4])
        if any(member.email == email for member in business.members.values()):
            assert self.world.refused(work, MemberError)
        else:
            member = self.world.run(work)
            business.members[member.id] = member

    def _other(self, business: Business, pick: int) -> Member | None:
        others = [member for member in business.members.values() if member != business.boss]
        return others[pick % len(others)] if others else None

    def changes_a_role(self, business: Business, pick: int, word: str, yes: bool) -> None:
        if (member := self._other(business, pick)) is not None:
            role = ROLES[pick % 4]
            self.world.run(members.change_role(self.world.db, business.scope, business.boss, member.id, role))
            business.members[member.id] = replace(member, role=members.clean_role(role))

    def removes_a_member(self, business: Business, pick: int, word: str, yes: bool) -> None:
        if self._other(business, pick) is None:
            self.adds_a_member(business, pick, word, yes)
        if (member := self._other(business, pick)) is None:
            return
        self.world.run(members.remove(self.world.db, business.scope, business.boss, member.id))
        del business.members[member.id]
        business.links = {ticket: owner for ticket, owner in business.links.items() if owner != member.id}
        business.sessions = {ticket: owner for ticket, owner in business.sessions.items() if owner != member.id}
        business.mailed.pop(member.id, None)
        self.did["members removed"] += 1

    def invites(self, business: Business, pick: int, word: str, yes: bool) -> None:
        member = self._other(business, pick) or business.boss
        ticket = self.world.run(self.inside(business, lambda s: sign_in.create_invitation(s, member.id)))
        business.links[ticket] = member.id

    def asks_by_email(self, business: Business, pick: int, word: str, yes: bool) -> None:
        """One address in several businesses: an offer for each that is active and knows it."""
        email = f"{PEOPLE[pick % 3]}@{self.mark}.example.com".lower()
        expected: dict[UUID, tuple[Business, Member]] = {}
        for each in self.all:
            for member in each.members.values():
                if member.email == email and each.active and each.mailed.get(member.id, 0) < MAILS:
                    expected[each.scope.tenant_id] = each, member
        offers = self.world.run(sign_in.ask_by_email(self.world.db, email, BROWSER))
        assert {offer.scope.tenant_id for offer in offers} == set(expected)
        for offer in offers:
            found, member = expected[offer.scope.tenant_id]
            assert offer.business == found.name
            found.links[offer.ticket] = member.id
            found.mailed[member.id] = found.mailed.get(member.id, 0) + 1
            self.did["mails"] += 1
            self.acted.append(found)

    def uses_a_link(self, business: Business, pick: int, word: str, yes: bool) -> None:
        if not business.links:
            self.invites(business, pick, word, yes)
        ticket = list(business.links)[pick % len(business.links)]
        session = self.world.run(sign_in.use_link(self.world.db, ticket, BROWSER, "Test"))
        assert (session is not None) is business.active
        if session is not None:
            business.sessions[session] = business.links.pop(ticket)
            self.did["sessions"] += 1
            assert self.world.run(sign_in.use_link(self.world.db, ticket, BROWSER, "Test")) is None

    def comes_by(self, business: Business, pick: int, word: str, yes: bool) -> None:
        if not business.sessions:
            self.uses_a_link(business, pick, word, yes)
        if not business.sessions:
            return
        ticket = list(business.sessions)[pick % len(business.sessions)]
        visitor = self.world.run(sessions.find_visitor(self.world.db, ticket))
        if not business.active:
            assert visitor is None
            return
        assert visitor is not None and (visitor.scope, visitor.business) == (business.scope, business.name)
        assert visitor.member == business.members[business.sessions[ticket]]
        assert visitor.open_notices == sum(notice.state == "open" for notice in business.notices.values())

    def signs_out(self, business: Business, pick: int, word: str, yes: bool) -> None:
        if not business.sessions:
            self.uses_a_link(business, pick, word, yes)
        if not business.sessions:
            return
        ticket = list(business.sessions)[pick % len(business.sessions)]
        owner = business.sessions[ticket]
        if not yes:
            self.world.run(sessions.close_session(self.world.db, ticket))
            del business.sessions[ticket]
            return
        ended = [ticket for ticket, member in business.sessions.items() if member == owner]
        assert self.world.run(sessions.close_all(self.world.db, business.scope, owner)) == len(ended)
        business.sessions = {ticket: member for ticket, member in business.sessions.items() if member != owner}
        business.links = {ticket: member for ticket, member in business.links.items() if member != owner}

    def makes_a_key(self, business: Business, pick: int, word: str, yes: bool) -> None:
        scopes = ["knowledge:view"]
        key_id, key = self.world.run(api_keys.create(self.world.db, business.scope, business.boss, name=word, scopes=scopes))
        business.keys[key_id] = key, word, True

    def uses_or_revokes_a_key(self, business: Business, pick: int, word: str, yes: bool) -> None:
        if not any(works for _, _, works in business.keys.values()):
            self.makes_a_key(business, pick, word, yes)
        key_id = list(business.keys)[-1 - pick % len(business.keys)]
        key, name, works = business.keys[key_id]
        if yes:
            self.world.run(api_keys.revoke(self.world.db, business.scope, business.boss, key_id))
            business.keys[key_id] = key, name, False
            return
        caller = self.world.run(api_keys.find_caller(self.world.db, key))
        assert (caller is not None) is (works and business.active)
        if caller is not None:
            assert (caller.scope, caller.key_id, caller.business) == (business.scope, key_id, business.name)
            self.did["keys used"] += 1

    # The business itself

    def changes_settings(self, business: Business, pick: int, word: str, yes: bool) -> None:
        days = 30 if yes else None
        changed = BusinessSettings(f"{word} {business.canary}", "Europe/Berlin", days)
        self.world.run(self.inside(business, lambda s: business_settings.change(s, changed, business.boss.id)))
        business.name, business.time_zone, business.retention = changed.name, changed.time_zone, days

    def raises_or_resolves_a_notice(self, business: Business, pick: int, word: str, yes: bool) -> None:
        known = business.notices.get("channel_broken")
        if yes or known is None:
            trouble = Trouble("channel_broken", str(business.account_id), "critical", "Broken", business.canary, "/channels")
            made = self.world.run(self.inside(business, lambda s: notices.raise_notice(s, trouble)))
            known = business.raised("channel_broken")
            known.id = made
        if not yes and known.id is not None:
            found = known.id
            self.world.run(self.inside(business, lambda s: notices.resolve(s, found, business.boss.id)))
            if known.state == "open":
                known.state = "person"
                self.did["notices resolved"] += 1

    def is_suspended_or_resumed(self, business: Business, pick: int, word: str, yes: bool) -> None:
        business.status = "suspended" if business.active and yes else "active"
        set_status = service.set_status
        self.world.run(set_status(self.world.db, business.scope.tenant_id, "suspended" if not business.active else "active"))
        self.did["suspensions"] += not business.active

    def connects_or_disconnects(self, business: Business, pick: int, word: str, yes: bool) -> None:
        if pick > 3:
            assert self.world.run(self.world.connect(business.scope, business.team)) == business.account_id
            business.settled("channel_broken")
            business.connected = True
            return
        work = accounts.disconnect(self.world.db, self.world.vault, business.scope, business.account_id)
        assert self.world.run(work) is business.connected
        if business.connected:
            business.settled("channel_broken")
            business.connected = False
            for talk in business.talks.values():
                talk.outbox.clear()
            self.did["disconnections"] += 1

    def keeps_something_in_valkey(self, business: Business, pick: int, word: str, yes: bool) -> None:
        keys: TenantRedis = self.world.redis.tenant(business.scope)
        name = "one" if pick % 2 else "two"
        if yes:
            business.kept[name] = f"{business.canary} {len(business.kept)}"
            self.world.run(keys.set("cache", name, value=business.kept[name], expiry_s=600))
        assert self.world.run(keys.get("cache", name)) == business.kept.get(name)

    # Reading

    def searches(self, business: Business, pick: int, word: str, yes: bool) -> None:
        if yes:
            self.world.run(self.inside(business, indexing.index_batch))
        results = self.world.run(self.inside(business, lambda s: search(s, word, limit=500)))
        texts = [line.text for talk in business.talks.values() for line in talk.lines if word in line.text]
        assert Counter(hit.message.text for hit in results.hits) == Counter(texts)
        self.did["messages found"] += len(texts)

    def reads_everything(self, business: Business, pick: int, word: str, yes: bool) -> None:
        self.world.run(self._read(business, self._talk(business, pick)))

    async def _read(self, business: Business, talk: Talk) -> None:
        listed = await self.world.documents.list(business.scope)
        assert {info.id for info in listed} == set(business.documents)
        async with self.world.db.tenant(business.scope) as session:
            known, _ = await inbox_repository.list_conversations(session, inbox_repository.Filter())
            assert {x.id for x in known} == {talk.id for talk in business.talks.values() if talk.id is not None}
            if talk.id is not None:
                shown = await thread_repository.messages_from(session, talk.id, 0)
                assert [message.text for message in shown] == [line.text for line in talk.lines]
                noted = await notes_repository.notes_of(session, talk.id)
                assert {note.id: note.text for note in noted} == talk.notes
            assert {x.member.id for x in await members_repository.list_all(session)} == set(business.members)
            assert {x.id for x in await api_keys_repository.list_all(session, 200)} == set(business.keys)
            assert {x.kind for x in await notices_repository.list_open(session)} == {
                kind for kind, notice in business.notices.items() if notice.state == "open"
            }
            assert (await employees.get_current(session)).current.draft.instructions == business.versions[-1]
            assert len(await employees.list_versions(session, limit=1000)) == len(business.versions)
            assert [x.external_id for x in await account_list_repository.page(session, 100)] == [business.team]

    # Another tenant's ids

    def trespasses(self, own: Business, pick: int, word: str, yes: bool) -> None:
        others = [other for other in self.all if other is not own]
        other = others[pick % len(others)]
        self.acted.append(other)
        attempts = [*self._in_talks(own, other), *self._on_things(own, other), *self._with_tickets(own, other)]
        # A handful in each step: all of them are tried soon enough.
        for name, work, expected in [attempts[(pick * 7 + number) % len(attempts)] for number in range(6)]:
            if isinstance(expected, type):
                assert self.world.refused(work(), expected), f"{name} of another tenant"
            else:
                assert self.world.run(work()) == expected, f"{name} of another tenant"
            self.did["attempts"] += 1

    def _in_talks(self, own: Business, other: Business) -> Iterator[Attempt]:
        def inside(work: Callable[[TenantSession, Talk], Work], talk: Talk) -> Callable[[], Work]:
            return lambda: self.inside(own, lambda s: work(s, talk))

        who = self._colleague(own)
        for talk in other.talks.values():
            if (at := talk.id) is not None:
                yield "take over", inside(lambda s, t: ownership.take_over(s, _id(t), t.epoch, who, plain), talk), NotFoundError
                yield "hand back", inside(lambda s, t: ownership.hand_back(s, _id(t), t.epoch, who, plain), talk), NotFoundError
                yield "reply", inside(lambda s, t: replies.reply(s, _id(t), t.epoch, at, "x", who, plain), talk), NotFoundError
                yield "note", inside(lambda s, t: notes_repository.add(s, _id(t), uuid7(), "mine", who), talk), NotFoundError
                yield "overview", inside(lambda s, t: overview_repository.overview(s, _id(t)), talk), NotFoundError
                yield "thread", inside(lambda s, t: thread_repository.messages_from(s, _id(t), 0), talk), []
                yield "deliveries", inside(lambda s, t: delivery_log_repository.page(s, 9, conversation_id=_id(t)), talk), []

    def _on_things(self, own: Business, other: Business) -> Iterator[Attempt]:
        db, scope, boss, documents = self.world.db, own.scope, own.boss, self.world.documents
        yield "disconnect", lambda: accounts.disconnect(db, self.world.vault, scope, other.account_id), NotFoundError
        yield "role", lambda: members.change_role(db, scope, boss, other.boss.id, "viewer"), NotFoundError
        yield "remove", lambda: members.remove(db, scope, boss, other.boss.id), NotFoundError
        yield "persona", lambda: service.change_persona(db, scope, other.agent_id, "mine"), NotFoundError
        yield "member", lambda: self.inside(own, lambda s: members_repository.find(s, other.boss.id)), None
        if other.connected:
            yield "connect", lambda: self.world.connect(scope, other.team), ConflictError
        for document in other.documents:
            yield "document", partial(documents.remove, scope, document), NotFoundError
            yield "detail", partial(documents.detail, scope, document), NotFoundError
            yield "pieces", partial(documents.pieces, scope, document, 10), []
        for key in other.keys:
            yield "revoke", partial(api_keys.revoke, db, scope, boss, key), NotFoundError
        for notice in other.notices.values():
            if notice.id is not None:
                work = partial(notices.resolve, notice_id=notice.id, member_id=boss.id)
                yield "notice", partial(self.inside, own, work), NotFoundError
        for letter in other.letters():
            for decide in (dead_letters.retry, dead_letters.discard):
                yield "dead letter", partial(self.inside, own, partial(decide, letter_id=letter)), NotFoundError

    def _with_tickets(self, own: Business, other: Business) -> Iterator[Attempt]:
        """A foreign secret under one's own name opens nothing."""
        db, mine, theirs = self.world.db, own.scope.tenant_id.hex, other.scope.tenant_id.hex
        for ticket in other.sessions:
            yield "session", partial(sessions.find_visitor, db, ticket.replace(theirs, mine)), None
            yield "sign-out", partial(sessions.close_session, db, ticket.replace(theirs, mine)), None
        for ticket in other.links:
            yield "link", partial(sign_in.use_link, db, ticket.replace(theirs, mine), BROWSER, "Test"), None
        for key, _, _ in other.keys.values():
            yield "key", partial(api_keys.find_caller, db, key.replace(theirs, mine)), None

    # What must hold

    @invariant()
    def who_acted_is_as_the_model_says(self) -> None:
        for business in {id(x): x for x in getattr(self, "acted", ())}.values():
            self._is_as_the_model_says(business)
        if hasattr(self, "acted"):
            self.acted.clear()

    def _is_as_the_model_says(self, business: Business) -> None:
        self.ended = False
        seen, expected = self.world.run(self.world.view(business)), business.view()
        assert seen == expected, {name: (seen[name], value) for name, value in expected.items() if seen[name] != value}
        self.ended = True

    def _all_are_as_the_model_says(self) -> None:
        for business in self.all:
            self._is_as_the_model_says(business)
            shown = [text for team, text in self.world.wire.posts if team == business.team]
            assert Counter(shown) == Counter(business.shown)
            assert {mark for text in shown for mark in CANARY.findall(text)} <= {business.canary}


def test_every_tenant_is_its_model(settings: Settings) -> None:
    # What is logged of some ten thousand steps is of no use, and costs a tenth of the time.
    with new_runner() as runner, structlog.testing.capture_logs():
        Machine.world = world = runner.run(open_world(runner, settings))
        try:
            # Its workers take what is due for all tenants; an earlier test's are under keys that this one does not hold.
            runner.run(empty_queue(world.db))
            run_state_machine_as_test(Machine, settings=_examples())
            missing = [name for name in (*ACTS, *HAPPENS) if not Machine.did[name]]
            assert "ISOLATION_EXAMPLES" in os.environ or missing == [], f"what is never tried proves nothing: {Machine.did}"
        finally:
            runner.run(world.close())


def _examples() -> examples:
    count = os.environ.get("ISOLATION_EXAMPLES")
    return examples(
        max_examples=int(count or 200),
        stateful_step_count=50,
        deadline=None,
        # A fixed order of examples in CI; another one each time in the long form, which also looks for the shortest failure.
        derandomize=count is None,
        phases=(Phase.generate,) if count is None else (Phase.generate, Phase.shrink),
        report_multiple_bugs=False,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
