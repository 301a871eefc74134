"""The same over HTTP: the real adapter, and a strict Graph API that goes by the simulated clock."""

from __future__ import annotations

from konstruct.channels.whatsapp.adapter import WhatsAppAdapter
from konstruct.db.scope import TenantScope
from tests.support.fake_meta import FakeMeta, Number, Person
from tests.volume.world import World

HOUR_S = 3600.0
DAY_S = 24 * HOUR_S
LIMIT = 10


def _most_in_a_day(times: dict[str, list[float]]) -> int:
    """Return how many people had a message in the fullest 24 hours."""
    ends = [at for each in times.values() for at in each]
    return max(sum(any(end - DAY_S < at <= end for at in each) for each in times.values()) for end in ends)


async def test_the_real_adapter_keeps_to_it(world: World, businesses: tuple[TenantScope, TenantScope]) -> None:
    number = await world.connect(businesses[0], "10055500077", waba="W77", portfolio="P77", limit=LIMIT)
    names = [f"US.{n:04}" for n in range(14)]
    fake = FakeMeta(
        [Number(number.phone, "W77", number.phone, f"token-{number.phone}")],
        [Person(f"1555000{n:04}", name) for n, name in enumerate(names)],
        now=world.clock.now,
    )
    digits = {person.user_id: person.digits for person in fake.people}
    fake.templates["W77", "hello", "en"] = {"status": "APPROVED", "header": 0, "body": 0, "buttons": []}
    await fake.start()
    adapter = WhatsAppAdapter(world.settings.model_copy(update={"whatsapp_api_url": fake.url}))
    world.restart(adapter=adapter)
    try:
        people = await world.people(number, names, agreeing=13)
        writing = {name: people[name] for name in names[:3]}
        await world.hear(number, writing)
        for name in writing:
            fake.hear(number.phone, digits[name])
        await world.write(number, list(people.values()))
        await world.answer(number, list(writing.values()))
        await world.answer(number, list(writing.values()))
        await world.run(26 * HOUR_S)
        # Their windows are closed by now: the answer waits.
        await world.answer(number, [people[names[0]]])
        await world.run(HOUR_S)
    finally:
        await adapter.close()
        await fake.stop()
    assert fake.violations == []
    outside: dict[str, list[float]] = {}
    for message in fake.messages:
        if message["type"] == "template" and message["person"] not in {digits[name] for name in writing}:
            outside.setdefault(message["person"], []).append(message["at"])
    assert len(outside) == 10 and _most_in_a_day(outside) == LIMIT * 8 // 10
    assert digits[names[13]] not in outside, "they never agreed"
    assert await world.states(number) == {"sent": 3 + 10 + 6, "pending": 1}
