"""Invented people with their phones, and the sample businesses as Meta knows them."""

from __future__ import annotations

from dataclasses import dataclass, field

from konstruct.local.sandbox.meta.application import SCOPES
from konstruct.local.sandbox.meta.model import BusinessAccount, Number, Phone, Portfolio, Template
from konstruct.local.sandbox.meta.tokens import MetaToken
from konstruct.local.sandbox.store import SandboxStore

PIN = "240815"


@dataclass(frozen=True, slots=True)
class MetaBusiness:
    """A business with its number. `slug`: the workspace of the same business; `token`: how the seed connects it, if it does."""

    slug: str
    portfolio: Portfolio
    account: BusinessAccount
    number: Number
    token: str = field(default="", repr=False)
    templates: tuple[Template, ...] = ()


def _template(account: str, at: int, name: str, category: str, body: str, **more: object) -> Template:
    components: list[dict[str, object]] = [{"type": "BODY", "text": body}]
    if example := more.get("example"):
        components[0]["example"] = {"body_text": [example]}
    if header := more.get("header"):
        components.insert(0, {"type": "HEADER", "format": "TEXT", "text": header})
    if footer := more.get("footer"):
        components.append({"type": "FOOTER", "text": footer})
    if buttons := more.get("buttons"):
        components.append({"type": "BUTTONS", "buttons": buttons})
    language, status = str(more.get("language", "en")), str(more.get("status", "APPROVED"))
    return Template(f"{account}{at:02d}", account, name, language, category, status, tuple(components))


def _reply(text: str) -> dict[str, str]:
    return {"type": "QUICK_REPLY", "text": text}


_FERNWOOD, _MARLOW, _HARBOR = "410000000000001", "410000000000002", "410000000000003"
FERNWOOD_NUMBER = MetaBusiness(
    slug="fernwood",
    portfolio=Portfolio("310000000000001", "Fernwood Cycles", "Bicycle shop and workshop", 2, "verified", 2_000),
    account=BusinessAccount(_FERNWOOD, "310000000000001", "Fernwood Cycles", subscribed=True),
    number=Number("510000000000001", _FERNWOOD, "441632960101", "Fernwood Cycles", "GREEN", "CONNECTED", pin=PIN),
    token="EAAsandboxfernwoodcycles",  # noqa: S106  # opens nothing but the simulation
    templates=(
        _template(
            _FERNWOOD,
            1,
            "repair_ready",
            "UTILITY",
            "Hello {{1}}, your {{2}} is ready. You can collect it until {{3}}, during our opening hours.",
            example=["Mira", "touring bike", "Saturday 17:00"],
            header="Your repair is done",
            footer="Fernwood Cycles",
            buttons=[
                _reply("I will come today"),
                _reply("Another day"),
                {"type": "URL", "text": "See the invoice", "url": "https://fernwood.example/i/{{1}}"},
            ],
        ),
        _template(
            _FERNWOOD,
            2,
            "appointment_reminder",
            "UTILITY",
            "Hello {{1}}, a reminder: your appointment in our workshop is on {{2}}. Answer here if you need another time.",
            example=["Mira", "Tuesday at 10:00"],
            buttons=[_reply("I will be there"), _reply("I need another time")],
        ),
        _template(
            _FERNWOOD,
            3,
            "spring_service",
            "MARKETING",
            "Hello {{1}}, spring is coming: book your service this month, and we check your brakes for free. 🚲",
            example=["Mira"],
            buttons=[_reply("Book a service"), _reply("Stop promotions")],
        ),
        _template(_FERNWOOD, 4, "winter_sale", "MARKETING", "Our winter sale begins on Friday.", status="PENDING"),
    ),
)
MARLOW_NUMBER = MetaBusiness(
    slug="marlow",
    portfolio=Portfolio("310000000000002", "Marlow Coffee Works", "Coffee roastery and machine service", 3, "verified", 250),
    account=BusinessAccount(_MARLOW, "310000000000002", "Marlow Coffee Works", subscribed=True),
    number=Number("510000000000002", _MARLOW, "441632960102", "Marlow Coffee Works", "GREEN", "CONNECTED", pin=PIN),
    token="EAAsandboxmarlowcoffee",  # noqa: S106  # opens nothing but the simulation
    templates=(
        _template(
            _MARLOW,
            1,
            "delivery_on_its_way",
            "UTILITY",
            "Hello {{1}}, your coffee is on its way and should arrive on {{2}}.",
            example=["Yusuf", "Thursday"],
            footer="Marlow Coffee Works",
            buttons=[_reply("Thank you"), _reply("I am not at home")],
        ),
        _template(
            _MARLOW,
            2,
            "service_due",
            "UTILITY",
            "Hello {{1}}, the yearly service of your {{2}} is due. Shall we suggest a date?",
            example=["Yusuf", "espresso machine"],
            buttons=[_reply("Yes, please"), _reply("Not now")],
        ),
        _template(
            _MARLOW,
            3,
            "new_roast",
            "MARKETING",
            "A new roast is here: {{1}}. Taste it this week.",
            example=["Sidama"],
            status="PAUSED",
        ),
    ),
)
HARBOR_NUMBER = MetaBusiness(
    slug="harbor",
    portfolio=Portfolio("310000000000003", "Harbor Books", "Bookshop by the water", 4, "not_verified", 250),
    account=BusinessAccount(_HARBOR, "310000000000003", "Harbor Books"),
    number=Number("510000000000003", _HARBOR, "441632960103", "Harbor Books"),
)
META_BUSINESSES: tuple[MetaBusiness, ...] = (FERNWOOD_NUMBER, MARLOW_NUMBER, HARBOR_NUMBER)

PHONES: tuple[Phone, ...] = (
    Phone("mira", "Mira Sørensen", "447700900121", 1, "Rides to work in all weathers"),
    Phone("yusuf", "Yusuf 🌻☕", "447700900122", 3, "Drinks too much coffee"),
    Phone("layla", "ليلى حداد", "201001234567", 4, "يكتب من اليمين إلى اليسار", username="layla.reads", shows_number=False),
    Phone("noa", "נועה לוי", "972501234567", 5, "Visits at weekends"),
    Phone("chidi", "Chidi Okonkwo", "447700900125", 2, "Hides his number", username="chidi.o", shows_number=False),
)
"""One writes from right to left and hides her number; one has emoji in his name."""


AGREED: tuple[Phone, ...] = PHONES[:2]
"""Who has agreed to be written to first, by either of the sample businesses."""


def add_meta(store: SandboxStore) -> None:
    """Store the samples; what is there stays as the control panel left it."""
    meta, now = store.meta, store.control.now()
    for business in META_BUSINESSES:
        meta.businesses.add((business.portfolio, business.account, business.number))
        for template in business.templates:
            meta.templates.add(template)
        if business.token:
            account = business.account
            meta.tokens.put(MetaToken(business.token, account.business_id, account.waba_id, SCOPES, now, None, None))
    meta.phones.add(PHONES)
