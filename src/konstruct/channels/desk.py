"""The desk: whatever people do in a channel besides writing, and who handles it."""

from __future__ import annotations

from collections.abc import Mapping

from konstruct.channels.credentials import Credentials
from konstruct.channels.desk_commands import Commands
from konstruct.channels.desk_home import HomePage
from konstruct.channels.desk_presses import Presses
from konstruct.channels.events_handling import Handle
from konstruct.channels.limits import SendLimits
from konstruct.channels.port import ChannelAdapter
from konstruct.channels.port_events import ChannelEvent, Commanded, Pressed, Submitted
from konstruct.channels.surface import renderer
from konstruct.channels.telling import Telling
from konstruct.db.database import Database


class Desk:
    """The handlers of presses, dialogs, commands and of the employee's page, and how they tell people."""

    def __init__(
        self, db: Database, adapters: Mapping[str, ChannelAdapter], credentials: Credentials, limits: SendLimits
    ) -> None:
        self.render = render = renderer(adapters)
        self.telling = Telling(db, adapters, credentials, limits)
        self.home = HomePage(db, self.telling)
        self._commands = Commands(db, self.telling, render)
        self._presses = Presses(db, self.telling, self.home, render)

    def handlers(self) -> dict[type[ChannelEvent], Handle]:
        """Return the handlers by event; of `Opened` only the page is the desk's (`home.opened`)."""
        return {Pressed: self._presses.pressed, Submitted: self._presses.submitted, Commanded: self._commands}
