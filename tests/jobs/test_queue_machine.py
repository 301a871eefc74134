"""The queue against a small model of it: whatever the order of events, nothing is lost and nobody forges a lease."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from hypothesis import HealthCheck
from hypothesis import settings as examples
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from konstruct.db.database import Database
from konstruct.db.scope import TenantScope
from konstruct.jobs import queue
from konstruct.jobs.queue import Claim
from konstruct.kit.errors import LeaseLostError
from konstruct.kit.ids import uuid7
from konstruct.kit.settings import Settings
from konstruct.tenants.keyring import FileKeyRing
from konstruct.tenants.service import create_tenant
from konstruct.tenants.vault import Vault
from tests.support.queueing import HOUR_S, begin, bump, connect, empty_queue, expire, make_conversations, read, release

T = TypeVar("T")
WORKERS = (uuid7(), uuid7())
BACK = st.integers(0, 5)


@dataclass
class Model:
    """What the row of one conversation must look like."""

    scope: TenantScope
    conversation: UUID
    state: str = "idle"
    seq: int = 0
    claimed_seq: int = 0
    epoch: int = 0
    attempts: int = 0
    due: bool = False
    owner: UUID | None = None
    alive: bool = False

    def free(self, state: str) -> None:
        self.state, self.owner, self.alive = state, None, False


@dataclass
class World:
    """The database of all examples: two tenants, and a loop to talk to it from plain functions."""

    runner: asyncio.Runner
    db: Database
    accounts: dict[TenantScope, UUID]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def holds(self, work: Coroutine[Any, Any, None]) -> bool:
        try:
            self.run(work)
        except LeaseLostError:
            return False
        return True


def claimed(machine: Any) -> bool:
    return bool(machine.claims)


class Machine(RuleBasedStateMachine):
    world: World

    @initialize()
    def start(self) -> None:
        world = self.world
        world.run(empty_queue(world.db))
        self.models = [
            Model(scope, conversation)
            for scope, account in world.accounts.items()
            for conversation in world.run(make_conversations(world.db, scope, account, 2))
        ]
        self.by_id = {model.conversation: model for model in self.models}
        self.claims: list[Claim] = []

    def of(self, back: int) -> tuple[Claim, Model, bool]:
        """One of the latest claims, its conversation, and whether it still holds it."""
        claim = self.claims[-1 - back % len(self.claims)]
        model = self.by_id[claim.conversation_id]
        return claim, model, model.state == "leased" and model.epoch == claim.epoch

    @rule(which=st.integers(0, 3))
    def ask(self, which: int) -> None:
        model = self.models[which]
        self.world.run(bump(self.world.db, model.scope, model.conversation))
        model.seq += 1
        model.due = True
        if model.state == "idle":
            model.state = "ready"

    @rule(worker=st.sampled_from(WORKERS), limit=st.integers(1, 4))
    def claim(self, worker: UUID, limit: int) -> None:
        ready = {model.conversation for model in self.models if model.state == "ready" and model.due}
        claims = self.world.run(queue.claim(self.world.db, "turn", worker, limit, HOUR_S))
        assert len(claims) == min(limit, len(ready))
        for claim in claims:
            assert claim.conversation_id in ready
            model = self.by_id[claim.conversation_id]
            model.state, model.owner, model.alive = "leased", worker, True
            model.epoch, model.attempts, model.claimed_seq = model.epoch + 1, model.attempts + 1, model.seq
            assert (claim.scope, claim.epoch, claim.attempts) == (model.scope, model.epoch, model.attempts)
        self.claims += claims

    @precondition(claimed)
    @rule(back=BACK)
    def begin(self, back: int) -> None:
        claim, model, mine = self.of(back)
        assert self.world.holds(begin(self.world.db, claim)) is mine
        if mine:
            model.claimed_seq = model.seq

    @precondition(claimed)
    @rule(back=BACK)
    def release(self, back: int) -> None:
        claim, model, mine = self.of(back)
        assert self.world.holds(release(self.world.db, claim)) is mine
        if mine:
            model.attempts = 0
            model.free("idle" if model.seq == model.claimed_seq else "ready")

    @precondition(claimed)
    @rule(back=BACK, failed=st.booleans())
    def release_to_wait(self, back: int, failed: bool) -> None:
        claim, model, mine = self.of(back)
        assert self.world.holds(release(self.world.db, claim, wait_s=HOUR_S, failed=failed)) is mine
        if mine:
            model.due = model.seq > model.claimed_seq and not failed
            model.attempts = model.attempts if failed else 0
            model.free("ready")

    @precondition(claimed)
    @rule(back=BACK)
    def expire(self, back: int) -> None:
        claim, model, mine = self.of(back)
        self.world.run(expire(self.world.db, claim))
        if mine:
            model.alive = False

    @rule()
    def sweep(self) -> None:
        over = [model for model in self.models if model.state == "leased" and not model.alive]
        assert self.world.run(queue.sweep(self.world.db)) == len(over)
        for model in over:
            model.due = True
            model.free("ready")

    @precondition(claimed)
    @rule(back=BACK, worker=st.sampled_from(WORKERS))
    def renew(self, back: int, worker: UUID) -> None:
        claim, model, mine = self.of(back)
        held = self.world.run(queue.renew(self.world.db, worker, "turn", [claim]))
        assert bool(held) is (mine and model.owner == worker)
        # One that `expire` shortened to a microsecond has ended again by the next step.

    @invariant()
    def rows_are_as_the_model_says(self) -> None:
        for model in getattr(self, "models", ()):
            # No lost wake-up, whatever happened.
            assert model.seq == model.claimed_seq or model.state != "idle"
            if model.seq == 0:
                continue
            row = self.world.run(read(self.world.db, model.scope, model.conversation))
            assert (row.state, row.seq, row.claimed_seq) == (model.state, model.seq, model.claimed_seq)
            assert (row.epoch, row.attempts, row.lease_owner) == (model.epoch, model.attempts, model.owner)
            assert model.state != "ready" or row.due is model.due


async def _open(opened: Settings) -> tuple[Database, dict[TenantScope, UUID]]:
    ring = FileKeyRing(Path(str(opened.keyring)))
    await ring.init()
    vault = Vault(ring)
    db = await Database.open(opened, pool=2)
    tenants = [await create_tenant(db, vault, name=name, employee="Ada", persona="You are Ada.") for name in ("A", "B")]
    return db, {tenant.scope: await connect(db, vault, tenant.scope) for tenant in tenants}


def test_the_queue_is_its_model(settings: Settings) -> None:
    with asyncio.Runner() as runner:
        db, accounts = runner.run(_open(settings))
        Machine.world = World(runner, db, accounts)
        try:
            run_state_machine_as_test(Machine, settings=_EXAMPLES)
        finally:
            runner.run(db.close())


_EXAMPLES = examples(
    max_examples=100,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
