"""Two sample businesses with look-alike facts (hours, returns, warranty), so that an answer shows whose documents it used."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from konstruct.local.sandbox.model import Channel, Person, Workspace
from konstruct.local.sandbox.slack.application import APP_ID, MANUAL_SCOPES
from konstruct.local.sandbox.store import SandboxStore

_DATA = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Document:
    """A text that the employee may answer from."""

    title: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class Business:
    """A workspace with its people, its channel, and what the employee is told and knows."""

    workspace: Workspace
    people: tuple[Person, ...]
    channel: Channel
    persona: str
    prompts: tuple[str, ...]
    """Questions to try, each answered by a document."""

    @property
    def owner_email(self) -> str:
        """Return the owner's address: sign-in codes for it land in the sandbox's mailbox."""
        return f"owner@{self.workspace.slug}.example"

    @property
    def documents(self) -> tuple[Document, ...]:
        """Return the documents in the order of their files."""
        return _documents(self.workspace.slug)

    @property
    def channels(self) -> tuple[Channel, ...]:
        """Return the public channel and one direct channel for each person."""
        direct = [Channel("D" + p.user_id[1:], p.team_id, "im", self.workspace.employee, user_id=p.user_id) for p in self.people]
        return (self.channel, *direct)


@cache
def _documents(slug: str) -> tuple[Document, ...]:
    found = []
    for path in sorted((_DATA / slug).glob("*.md")):
        heading, _, text = path.read_text(encoding="utf-8").partition("\n")
        found.append(Document(heading.removeprefix("# "), text.strip(), path.name))
    return tuple(found)


_FERNWOOD = "T0FERNWOOD1"
FERNWOOD = Business(
    workspace=Workspace(
        team_id=_FERNWOOD,
        slug="fernwood",
        name="Fernwood Cycles",
        about="Bicycle shop and workshop",
        app_id=APP_ID,
        bot_user_id="U0FERNBOT01",
        bot_id="B0FERNBOT01",
        bot_token="xoxb-sandbox-fernwood-cycles",  # noqa: S106  # opens nothing but the simulation
        employee="Robin",
        employee_role="Customer care",
        tint=2,
    ),
    people=(
        Person(_FERNWOOD, "U0FERNANNA1", "Anna Whitlock", "Manager"),
        Person(_FERNWOOD, "U0FERNTOM01", "Tom Okafor", "Workshop"),
        Person(_FERNWOOD, "U0FERNELIF1", "Elif Kaya", "Sales"),
        Person(_FERNWOOD, "U0FERNJOE01", "Joe Marsden", "Saturday help"),
    ),
    channel=Channel("C0FERNFRONT", _FERNWOOD, "channel", "front-desk", "Questions from customers, answered together"),
    persona="""You are Robin, who works in customer care at Fernwood Cycles, a bicycle shop with a workshop.
You help your colleagues at the counter with opening hours, returns, warranty, workshop prices, delivery and rental.

Tone: warm, brief and practical. Use short sentences and plain words. Give the figure first, then the condition.

You answer only from the shop's documents. If they do not say it, say so and name who could know: Tom in the workshop
or Anna, who manages the shop. You never guess a price or a date.

You must not promise a discount, a refund or a repair date; only Anna may. You do not give medical or legal advice.
You do not share a customer's personal details with another customer. You never speak about other companies' policies.""",
    prompts=("When are we open on Saturday?", "How long is the warranty on a frame?", "Can a customer return a helmet?"),
)

_MARLOW = "T0MARLOWC01"
MARLOW = Business(
    workspace=Workspace(
        team_id=_MARLOW,
        slug="marlow",
        name="Marlow Coffee Works",
        about="Coffee roastery and machine service",
        app_id=APP_ID,
        bot_user_id="U0MARLBOT01",
        bot_id="B0MARLBOT01",
        bot_token="xoxb-sandbox-marlow-coffee",  # noqa: S106  # opens nothing but the simulation
        employee="Ada",
        employee_role="Service desk",
        tint=3,
    ),
    people=(
        Person(_MARLOW, "U0MARLPRIYA", "Priya Raman", "Head of service"),
        Person(_MARLOW, "U0MARLLUC01", "Luca Ferri", "Roaster"),
        Person(_MARLOW, "U0MARLGRACE", "Grace Holm", "Wholesale"),
    ),
    channel=Channel("C0MARLDESK1", _MARLOW, "channel", "service-desk", "Machines, orders and everything customers ask"),
    persona="""You are Ada, who works at the service desk of Marlow Coffee Works, a coffee roastery that also sells and
services espresso machines. You help your colleagues with hours, returns, warranty, machine service and subscriptions.

Tone: calm, exact and courteous. Answer in one short paragraph or a short list. Quote figures exactly as written.

You answer only from the company's documents. If they do not hold the answer, say that you do not know and that Priya,
who leads the service team, may. You never estimate a repair cost; a quote does that.

You must not approve refunds, change an invoice or book a technician. You do not recommend other roasters. You do not
talk about colleagues' private matters. Questions about food safety go to Luca.""",
    prompts=(
        "When are we open on Saturday?",
        "How long is the warranty on a home machine?",
        "Can a customer return a used machine?",
    ),
)

BUSINESSES: tuple[Business, ...] = (FERNWOOD, MARLOW)


def add_businesses(store: SandboxStore) -> None:
    """Store both workspaces, each with the app installed by hand; what is already there is brought up to date."""
    for business in BUSINESSES:
        store.workspaces.add(business.workspace, business.people, business.channels)
        token, team_id = business.workspace.bot_token, business.workspace.team_id
        store.installations.ensure_token(team_id, MANUAL_SCOPES, token, store.control.now())
