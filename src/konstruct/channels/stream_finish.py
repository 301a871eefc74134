"""The end of an answer that grew: whatever people see of it becomes the whole text, by calls that may be repeated."""

from __future__ import annotations

from collections.abc import Callable

from konstruct.channels.port import Credential, Failed, Post, Retry, Sent, Unknown
from konstruct.channels.port_streams import Edits, Ended, Gone, Growing, Shown, Streams

AGAIN_S = 2.0
"""Before a call whose outcome is not known is made again."""


async def finish(
    edits: Edits, shown: Shown, post: Post, rest: str | None, growing: bool, credential: Credential, left: Callable[[], float]
) -> Sent | Retry | Failed | Gone:
    """Let the message say `post` and nothing else, and grow no more.

    `rest` is what is missing of it, None if nobody knows exactly what it says: then it is replaced. `growing`: whether its
    stream may not have been stopped. `left`: seconds for what is still to be done.
    """
    if growing and isinstance(edits, Streams):
        # Half of the time, so that something is left for the edit where nothing is heard of the stop.
        stopped = await edits.stop(shown, credential, left() / 2, rest=rest or "", post=None if rest is None else post)
        if isinstance(stopped, Retry) or (isinstance(stopped, Sent) and rest is not None):
            return stopped
    edited = await edits.edit(shown, post, credential, left())
    if isinstance(edited, Growing) and isinstance(edits, Streams):
        # It was said to be stopped, or nothing was heard of the stop: once more, and then the edit again.
        await edits.stop(shown, credential, left() / 2)
        edited = await edits.edit(shown, post, credential, left())
    match edited:
        case Unknown(reason) | Growing(reason) | Ended(reason):
            return Retry(AGAIN_S, reason)
        case _:
            return edited
