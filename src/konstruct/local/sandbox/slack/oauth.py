"""OAuth, first half: a person is asked, and the app gets a code for what they granted."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

from konstruct.local.sandbox.installations import Code
from konstruct.local.sandbox.model import Enterprise, Person, Workspace
from konstruct.local.sandbox.slack.application import KNOWN_SCOPES, Application
from konstruct.local.sandbox.store import SandboxStore


class AuthorizeRefusal(Exception):  # noqa: N818  # an answer to the browser, not an error of ours
    """Slack shows an error page instead of asking. `code` is Slack's word for it, `detail` the sentence beside it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(code)
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Consent:
    """A request that may be shown to a person."""

    app: Application
    scopes: tuple[str, ...]
    redirect_uri: str
    sent_redirect_uri: str
    """What the request said; "" if it left it out."""
    state: str
    team: str
    """The workspace that the app proposes; "" for none."""
    flow: str

    @property
    def query(self) -> dict[str, str]:
        """Return the request's own parameters, for the form to carry on."""
        values = {
            "client_id": self.app.client_id,
            "scope": ",".join(self.scopes),
            "redirect_uri": self.sent_redirect_uri,
            "state": self.state,
            "team": self.team,
        }
        return {name: value for name, value in values.items() if value}


@dataclass(frozen=True, slots=True)
class Place:
    """Somewhere the app can be installed: a workspace, or a whole Grid organisation (`org_wide`)."""

    id: str
    """`T…` or `E…`."""
    name: str
    org_wide: bool
    people: tuple[Person, ...]
    """Who could be the one that is asked, in the order they were added."""
    may_install: frozenset[str]
    """The user ids of those who are allowed to; the others are told to ask an admin."""
    installed: bool


def read_consent(app: Application, query: Mapping[str, str], flow: str = "v2") -> Consent:
    """Return what the app asks for. Raises AuthorizeRefusal where Slack shows an error page."""
    if query.get("client_id") != app.client_id:
        raise AuthorizeRefusal("invalid_client_id", "Invalid client_id parameter")
    sent = query.get("redirect_uri", "")
    if sent and sent not in app.redirect_uris:
        raise AuthorizeRefusal("bad_redirect_uri", f"redirect_uri did not match any configured URIs. Passed URI: {sent}")
    scopes = tuple(scope for scope in query.get("scope", "").replace(" ", ",").split(",") if scope)
    if not scopes:
        raise AuthorizeRefusal("no_scopes", "No scopes requested")
    if unknown := [scope for scope in scopes if scope not in KNOWN_SCOPES]:
        raise AuthorizeRefusal("invalid_scope", "Invalid permissions requested: " + ", ".join(unknown))
    redirect = sent or app.redirect_uris[0]
    return Consent(app, scopes, redirect, sent, query.get("state", ""), query.get("team", ""), flow)


def places(store: SandboxStore, consent: Consent) -> list[Place]:
    """Return where the app can be installed, the proposed workspace first. Raises AuthorizeRefusal: invalid_team_for_app."""
    found = [_workspace(store, workspace) for workspace in store.workspaces.all()]
    if consent.app.org_ready:
        found += [_organisation(store, enterprise) for enterprise in store.workspaces.enterprises()]
    if consent.team:
        found = [place for place in found if place.id == consent.team]
        if not found:
            raise AuthorizeRefusal("invalid_team_for_app", "The workspace that the app asks for does not exist")
    return found


def grant(store: SandboxStore, consent: Consent, place_id: str, user_id: str) -> str:
    """A person allows the install. Return the address to send the browser to, with a code.

    Raises AuthorizeRefusal: invalid_team_for_app for an unknown place or a person who is not in it, and
    app_approval_required for somebody who may not install apps there.
    """
    place = next((place for place in places(store, consent) if place.id == place_id), None)
    if place is None or user_id not in {person.user_id for person in place.people}:
        raise AuthorizeRefusal("invalid_team_for_app", "This person is no member of that workspace")
    if user_id not in place.may_install:
        raise AuthorizeRefusal("app_approval_required", f"Only an admin of {place.name} may install apps")
    workspace = store.workspaces.by_team(place.id)
    code = Code(
        code=f"{secrets.randbelow(10**13):013d}.{secrets.randbelow(10**13):013d}.{secrets.token_hex(32)}",
        client_id=consent.app.client_id,
        redirect_uri=consent.sent_redirect_uri,
        flow=consent.flow,
        scopes=",".join(consent.scopes),
        team_id=None if place.org_wide else place.id,
        enterprise_id=place.id if place.org_wide else (workspace.enterprise_id if workspace else None),
        user_id=user_id,
        issued_at=store.control.now(),
        used_at=None,
    )
    store.installations.add_code(code)
    return _back(consent, code=code.code, state=consent.state)


def deny(consent: Consent) -> str:
    """A person refuses. Return the address to send the browser to."""
    return _back(consent, error="access_denied", state=consent.state)


def _back(consent: Consent, **values: str) -> str:
    # Slack sends `state` back even where the app gave none.
    parts = urlsplit(consent.redirect_uri)
    query = "&".join(part for part in (parts.query, urlencode(values)) if part)
    return urlunsplit(parts._replace(query=query))


def _workspace(store: SandboxStore, workspace: Workspace) -> Place:
    people = tuple(store.workspaces.people(workspace.team_id))
    allowed = frozenset(p.user_id for p in people if p.is_admin or not workspace.admins_install)
    installed = store.installations.of_team(workspace.team_id, None) is not None
    return Place(workspace.team_id, workspace.name, False, people, allowed, installed)


def _organisation(store: SandboxStore, enterprise: Enterprise) -> Place:
    by_id = {
        p.user_id: p for w in store.workspaces.of_enterprise(enterprise.enterprise_id) for p in store.workspaces.people(w.team_id)
    }
    admins = frozenset(p.user_id for p in by_id.values() if p.is_admin)
    installed = store.installations.of_enterprise(enterprise.enterprise_id) is not None
    return Place(enterprise.enterprise_id, enterprise.name, True, tuple(by_id.values()), admins, installed)
