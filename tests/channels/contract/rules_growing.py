"""Rules about messages that change after they were shown, and about files that people send."""

from __future__ import annotations

from konstruct.channels.port import Sent
from konstruct.channels.port_abilities import FetchesMedia
from konstruct.channels.port_streams import Edits, Ended, Gone, Shown, Streams
from konstruct.conversations.files import FileAbsent, FileContent
from tests.channels.contract.harness import SEND_S, Harness
from tests.channels.contract.rule import rule


@rule(only=lambda caps: caps.stream != "none")
async def an_edit_changes_the_one_message(harness: Harness) -> None:
    adapter, who, target = harness.adapter, harness.credentials[0], harness.targets[0]
    assert isinstance(adapter, Edits)
    begun = await adapter.begin(target, "The beg", who, SEND_S)
    assert isinstance(begun, Sent)
    shown, whole = Shown(target, begun.external_id), harness.post("The beginning and the end.")
    for _ in range(2):
        assert await adapter.edit(shown, whole, who, SEND_S) == begun
        assert list(harness.provider.seen(who)) == [whole.text], "the same again changes nothing"
    assert list(harness.provider.trace(who)) == [whole.delivery_id]
    assert isinstance(await adapter.remove(shown, who, SEND_S), Sent | Gone) and harness.provider.shown() == 0
    assert isinstance(await adapter.edit(shown, whole, who, SEND_S), Gone)


@rule(only=lambda caps: caps.stream == "native")
async def a_stream_is_one_message_and_ends(harness: Harness) -> None:
    adapter, who, target = harness.adapter, harness.credentials[0], harness.targets[0]
    assert isinstance(adapter, Streams)
    begun = await adapter.open(target, "U1", "One ", who, SEND_S)
    assert isinstance(begun, Sent)
    shown, whole = Shown(target, begun.external_id), harness.post("One two three.")
    assert isinstance(await adapter.append(shown, "two ", who, SEND_S), Sent)
    assert isinstance(await adapter.stop(shown, who, SEND_S, rest="three.", post=whole), Sent)
    assert list(harness.provider.seen(who)) == ["One two three."]
    assert list(harness.provider.trace(who)) == [whole.delivery_id]
    assert isinstance(await adapter.append(shown, "four", who, SEND_S), Ended)
    assert list(harness.provider.seen(who)) == ["One two three."]


@rule(only=lambda caps: caps.stream != "none")
async def what_grows_is_safe_at_every_length(harness: Harness) -> None:
    adapter = harness.adapter
    assert isinstance(adapter, Edits)
    text = "For @everyone, <!channel>, <@U9> and **all** of it."
    (whole,) = [part.text for part in adapter.render(text, harness.targets[0])]
    for length in range(len(text) + 1):
        assert whole.startswith(adapter.growing(text[:length], frozenset())), length


@rule(only=lambda caps: caps.files_in)
async def a_file_is_read_within_its_bound(harness: Harness) -> None:
    adapter, who = harness.adapter, harness.credentials[0]
    assert isinstance(adapter, FetchesMedia) and harness.given is not None
    file, content = harness.given(None)
    found = await adapter.fetch_media(file, who, limit_bytes=len(content), timeout_s=SEND_S)
    assert isinstance(found, FileContent) and found.content == content
    small = await adapter.fetch_media(file, who, limit_bytes=len(content) - 1, timeout_s=SEND_S)
    assert isinstance(small, FileAbsent)
    foreign = await adapter.fetch_media(file, harness.credentials[1], limit_bytes=len(content), timeout_s=SEND_S)
    assert isinstance(foreign, FileAbsent)
