"""What the business's own documents say reaches the model; another business's never does."""

from __future__ import annotations

from konstruct.llm.backends.scripted import ScriptedBackend
from konstruct.memory.documents import Documents
from tests.support.house import House
from tests.support.slack_events import message


async def test_each_business_recalls_its_own_documents_only(house: House, model: ScriptedBackend) -> None:
    documents = Documents(house.db)
    for scope, mark in zip(house.scopes, ("ALPHA-7 days", "BETA-30 days"), strict=True):
        await documents.add(scope, "Returns", f"You may return unused goods within {mark} of the purchase.", "handbook")
    for team in house.teams:
        await house.deliver(message(team, "D1", "U1", "how long may I return goods?"))
    await house.idle()

    prompts = {request.scope.tenant_id: "\n".join(message.content for message in request.messages) for request in model.requests}
    alpha, beta = (prompts[scope.tenant_id] for scope in house.scopes)
    assert "ALPHA-7 days" in alpha
    assert "BETA-30 days" in beta
    assert "BETA" not in alpha
    assert "ALPHA" not in beta


async def test_what_is_recalled_stands_after_the_history_and_before_the_question(house: House, model: ScriptedBackend) -> None:
    await Documents(house.db).add(house.scopes[0], "Hours", "The shop opens at nine on Monday.", "handbook")
    team, _ = house.teams
    for text in ("hello there", "when does the shop open on Monday?"):
        await house.deliver(message(team, "D1", "U1", text))
        await house.idle()
    roles = [(item.role, item.content) for item in model.requests[-1].messages]
    assert [role for role, _ in roles] == ["system", "user", "assistant", "user", "user"]
    assert "opens at nine" in roles[3][1]
    assert roles[4][1].startswith("[Now: ")
    assert "when does the shop open" in roles[4][1]
