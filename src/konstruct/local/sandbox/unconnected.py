"""Sample workspaces that no app is installed in yet: a plain one, and an Enterprise Grid with two; they share a channel."""

from __future__ import annotations

from dataclasses import dataclass

from konstruct.local.sandbox.model import Channel, Enterprise, Person, Workspace
from konstruct.local.sandbox.slack.application import APP_ID
from konstruct.local.sandbox.store import SandboxStore


@dataclass(frozen=True, slots=True)
class Sample:
    """A workspace with its people and channels."""

    workspace: Workspace
    people: tuple[Person, ...]
    channels: tuple[Channel, ...]


def _workspace(team_id: str, slug: str, name: str, about: str, bot: str, **more: object) -> Workspace:
    return Workspace(
        team_id=team_id,
        slug=slug,
        name=name,
        about=about,
        app_id=APP_ID,
        bot_user_id="U" + bot,
        bot_id="B" + bot,
        bot_token="",
        employee="Konstruct",
        employee_role="AI employee",
        **more,  # type: ignore[arg-type]  # its own optional fields
    )


def _directs(people: tuple[Person, ...], mark: str) -> tuple[Channel, ...]:
    """Return one direct channel per person; `mark` keeps those of a Grid person apart."""
    return tuple(Channel(f"D{mark}{p.user_id[2:]}", p.team_id, "im", "Konstruct", user_id=p.user_id) for p in people)


_HARBOR, _HOTEL, _EVENTS, _LARKSPUR = "T0HARBORBK1", "T0LARKHOTEL", "T0LARKEVENT", "E0LARKSPUR1"
_HARBOR_PEOPLE = (
    Person(_HARBOR, "U0HARBMAYA1", "Maya Lindqvist", "Owner", is_admin=True),
    Person(_HARBOR, "U0HARBBEN01", "Ben Castell", "Bookseller"),
)
HARBOR = Sample(
    _workspace(_HARBOR, "harbor", "Harbor Books", "Bookshop by the water", "0HARBBOT01", tint=4, admins_install=True),
    _HARBOR_PEOPLE,
    (
        Channel("C0HARBSHOP1", _HARBOR, "channel", "shop-floor", "What customers ask for"),
        Channel("C0HARBLARK1", _HARBOR, "channel", "harbor-and-larkspur", "Reading weekends, with Larkspur Hotels"),
        *_directs(_HARBOR_PEOPLE, "0"),
    ),
)
LARKSPUR = Enterprise(_LARKSPUR, "Larkspur Group", "W0LARKBOT01", "B0LARKORG01")
_HOTEL_PEOPLE = (
    Person(_HOTEL, "W0LARKNOOR1", "Noor Haddad", "Operations", is_admin=True),
    Person(_HOTEL, "W0LARKPIET1", "Piet Jansen", "Reception"),
)
LARKSPUR_HOTELS = Sample(
    _workspace(_HOTEL, "larkspur-hotels", "Larkspur Hotels", "Hotels", "0LKHOTBOT1", tint=5, enterprise_id=_LARKSPUR),
    _HOTEL_PEOPLE,
    (Channel("C0LARKDESK1", _HOTEL, "channel", "front-office", "Rooms and guests"), *_directs(_HOTEL_PEOPLE, "H")),
)
_EVENTS_PEOPLE = (
    Person(_EVENTS, "W0LARKNOOR1", "Noor Haddad", "Operations", is_admin=True),
    Person(_EVENTS, "W0LARKISLA1", "Isla Byrne", "Weddings"),
)
LARKSPUR_EVENTS = Sample(
    _workspace(
        _EVENTS, "larkspur-events", "Larkspur Events", "Weddings and fairs", "0LKEVEBOT1", tint=6, enterprise_id=_LARKSPUR
    ),
    _EVENTS_PEOPLE,
    (Channel("C0LARKFAIR1", _EVENTS, "channel", "fairs", "Dates and stands"), *_directs(_EVENTS_PEOPLE, "E")),
)
SHARED_CHANNEL = "C0HARBLARK1"
"""The Slack Connect channel: Harbor Books owns it, Larkspur Hotels sees it."""


def add_unconnected(store: SandboxStore) -> None:
    """Store the samples; what is already there is brought up to date, installations stay."""
    store.workspaces.add_enterprise(LARKSPUR)
    for sample in (HARBOR, LARKSPUR_HOTELS, LARKSPUR_EVENTS):
        store.workspaces.add(sample.workspace, sample.people, sample.channels)
    store.workspaces.share(SHARED_CHANNEL, _HOTEL)
