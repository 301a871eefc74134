"""What some channels can do besides the core of the port: small protocols, and the values that cross them.

`Capabilities` says which of them an adapter has.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from konstruct.channels.port import Credential
from konstruct.conversations.files import FileAbsent, FileContent


@runtime_checkable
class FetchesMedia(Protocol):
    """A channel whose messages bring files."""

    async def fetch_media(
        self, file: Mapping[str, Any], credential: Credential, *, limit_bytes: int, timeout_s: float
    ) -> FileContent | FileAbsent:
        """Return the file that `parse` described, read up to `limit_bytes`. The token goes to the provider's own hosts only,
        and never along with a redirect. Never raises for a provider's answer."""
