"""Control for tests, benchmarks and the control panel: faults, switches, the clock, and what happens to installations."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, HTTPException, Request
from pydantic import BaseModel, ConfigDict, Field

from konstruct.local.sandbox import removals
from konstruct.local.sandbox.businesses import add_businesses
from konstruct.local.sandbox.events import app_rate_limited_event, context_events
from konstruct.local.sandbox.installations import Installation
from konstruct.local.sandbox.meta.samples import add_meta
from konstruct.local.sandbox.pages.routes import refuse_other_sites
from konstruct.local.sandbox.sender import EventSender
from konstruct.local.sandbox.slack.faults import FaultOrder, Faults
from konstruct.local.sandbox.slack.limits import Limiter
from konstruct.local.sandbox.store import SandboxStore
from konstruct.local.sandbox.switches import TimePasses, only_here
from konstruct.local.sandbox.unconnected import add_unconnected


class SwitchChange(BaseModel):
    """Switches by name (see switches.Switches); those left out stay as they are."""

    model_config = ConfigDict(extra="forbid")

    rotation: bool | None = None
    streams: bool | None = None
    limits: bool | None = None
    echoes: bool | None = None
    metadata_events: bool | None = None
    file_redirect: bool | None = None
    whatsapp_receipts: bool | None = None
    whatsapp_disorder: bool | None = None
    whatsapp_twice: bool | None = None
    whatsapp_delay: bool | None = None
    whatsapp_batches: bool | None = None
    whatsapp_late_refusals: bool | None = None
    whatsapp_ai_prices: bool | None = None


class ClockMove(BaseModel):
    """How far to move the clock on."""

    seconds: float = Field(ge=0, le=366 * 86_400)


class Look(BaseModel):
    """A person, with the app's conversation open, looks at another channel; `viewed` null: at none."""

    team: str
    user: str
    viewed: str | None = None


class Repetition(BaseModel):
    """How many of the latest events to deliver again."""

    count: int = Field(default=10, ge=1, le=1_000)
    shuffled: bool = False


class InstallationOrder(BaseModel):
    """What happens to the app in a workspace (`T…`) or an organisation (`E…`)."""

    place: str


def control_router(
    store: SandboxStore, sender: EventSender, faults: Faults, limiter: Limiter, time_passes: TimePasses = only_here
) -> APIRouter:
    """Return the routes under `/sandbox/control`."""
    router = APIRouter(prefix="/sandbox/control", include_in_schema=False)
    _add_faults(router, store, faults, limiter)
    _add_switches(router, store, time_passes)
    _add_installations(router, store, sender)
    _add_events(router, store, sender)
    return router


def _add_faults(router: APIRouter, store: SandboxStore, faults: Faults, limiter: Limiter) -> None:
    @router.post("/faults")
    async def order(request: Request, fault: FaultOrder) -> dict[str, int]:
        refuse_other_sites(request)
        faults.add(fault)
        return {"pending": faults.left()}

    @router.post("/reset")
    async def reset(request: Request) -> dict[str, int]:
        """Drop pending faults and forget what counted towards the rate limits."""
        refuse_other_sites(request)
        faults.clear()
        limiter.forget()
        return {"pending": 0}

    @router.post("/forget")
    async def forget(request: Request) -> dict[str, bool]:
        """Start over: only the sample businesses as they were, the mailbox, and the list of accepted posts are left."""
        refuse_other_sites(request)
        faults.clear()
        limiter.forget()
        store.forget()
        add_businesses(store)
        add_unconnected(store)
        add_meta(store)
        return {"ok": True}

    @router.get("/accepted")
    async def accepted(after: int = 0) -> list[dict[str, Any]]:
        return store.records.accepted_json(after)


def _add_switches(router: APIRouter, store: SandboxStore, time_passes: TimePasses) -> None:
    @router.get("/switches")
    async def switches() -> dict[str, bool]:
        return asdict(store.control.switches())

    @router.post("/switches")
    async def switch(request: Request, change: SwitchChange) -> dict[str, bool]:
        refuse_other_sites(request)
        return asdict(store.control.set(**change.model_dump(exclude_none=True)))

    @router.post("/clock")
    async def clock(request: Request, move: ClockMove) -> dict[str, float]:
        """Move the clock on: tokens, codes, streams, statuses and limits age; timestamps of messages stay real."""
        refuse_other_sites(request)
        offset_s = store.control.advance(move.seconds)
        store.messages.redraw_streams()
        await time_passes(move.seconds)
        return {"offset_s": offset_s}


def _add_installations(router: APIRouter, store: SandboxStore, sender: EventSender) -> None:
    @router.get("/installations")
    async def installations() -> list[dict[str, Any]]:
        return [asdict(installation) for installation in store.installations.all()]

    @router.post("/uninstall")
    async def uninstall(request: Request, order: InstallationOrder) -> dict[str, bool]:
        """Uninstall the app: its tokens answer account_inactive."""
        refuse_other_sites(request)
        removals.uninstall(store, sender, _installation(store, order.place))
        return {"ok": True}

    @router.post("/revoke")
    async def revoke(request: Request, order: InstallationOrder) -> dict[str, bool]:
        """Revoke the tokens of the installation: they answer token_revoked."""
        refuse_other_sites(request)
        removals.revoke_tokens(store, sender, _installation(store, order.place))
        return {"ok": True}


def _add_events(router: APIRouter, store: SandboxStore, sender: EventSender) -> None:
    @router.post("/repeat")
    async def repeat(request: Request, order: Repetition) -> dict[str, bool]:
        """Deliver the latest events once more, as retries, in their order or in any."""
        refuse_other_sites(request)
        sender.repeat(order.count, shuffled=order.shuffled)
        return {"ok": True}

    @router.post("/look")
    async def look(request: Request, look: Look) -> dict[str, bool]:
        """Let the app hear, by app_context_changed, what a person looks at."""
        refuse_other_sites(request)
        workspace, direct = store.workspaces.by_team(look.team), store.workspaces.direct(look.team, look.user)
        if workspace is None or direct is None:
            raise HTTPException(404, "no such person")
        sender.publish(context_events(store, workspace, direct, look.viewed))
        return {"ok": True}

    @router.post("/app-rate-limited")
    async def app_rate_limited(request: Request, order: InstallationOrder) -> dict[str, bool]:
        """Tell the app that a workspace sent it more events than Slack delivers."""
        refuse_other_sites(request)
        workspace = store.workspaces.by_team(order.place)
        if workspace is None:
            raise HTTPException(404, "no such workspace")
        sender.publish([app_rate_limited_event(workspace)])
        return {"ok": True}


def _installation(store: SandboxStore, place: str) -> Installation:
    found = store.installations.of_team(place, None) or store.installations.of_enterprise(place)
    if found is None:
        raise HTTPException(404, "the app is not installed there")
    return found
