"""What the simulated Meta remembers, in the sandbox's own file."""

from __future__ import annotations

from konstruct.local.sandbox.hub import Hub
from konstruct.local.sandbox.meta.businesses_store import MetaBusinesses
from konstruct.local.sandbox.meta.media_store import MetaMedia
from konstruct.local.sandbox.meta.notes import Notes
from konstruct.local.sandbox.meta.phones import Phones
from konstruct.local.sandbox.meta.templates_store import Templates
from konstruct.local.sandbox.meta.tokens import MetaTokens
from konstruct.local.sandbox.sqlite import SqliteFile


class MetaStore:
    """The repositories of Meta's side."""

    def __init__(self, file: SqliteFile, hub: Hub) -> None:
        self.businesses = MetaBusinesses(file)
        self.tokens = MetaTokens(file)
        self.phones = Phones(file)
        self.notes = Notes(file, hub)
        self.templates = Templates(file)
        self.media = MetaMedia(file)
