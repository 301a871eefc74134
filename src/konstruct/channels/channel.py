"""A kind of channel, as its folder declares it: how its adapter is made, and where its provider delivers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from konstruct.channels.port import ChannelAdapter
from konstruct.channels.rates import HISTORY, POST, WORKING, Rate
from konstruct.kit.settings import Settings

BODY_MAX = 1 << 20
"""Bytes of a delivery, unless a channel says otherwise: what is larger is not one."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One kind of channel. `kind` is lower case, of letters, digits and underscores, and stands in every row about it."""

    kind: str
    open: Callable[[Settings], ChannelAdapter]
    """Makes the adapter; once for each process."""
    webhooks: tuple[str, ...]
    """The paths under which its provider posts, each below /webhooks/."""
    forms: tuple[str, ...] = ()
    """The paths under which it posts what people press, send and command, as forms: its adapter is `ReadsForms`."""
    challenge: str | None = None
    """The path at which its provider asks by GET whether we are we: its adapter is `Challenged`."""
    body_max: int = BODY_MAX
    rates: Callable[[Settings], Mapping[str, Rate]] = lambda _settings: {}
    """How often its provider's methods may be called, by name; `POST`, `HISTORY` and `WORKING` are what every channel has."""


def open_adapters(channels: Iterable[Channel], settings: Settings) -> dict[str, ChannelAdapter]:
    """Return the adapters of `channels` by kind; the caller closes them."""
    return {channel.kind: channel.open(settings) for channel in channels}


def rates_of(channels: Iterable[Channel], settings: Settings) -> dict[str, Rate]:
    """Return the rates of all `channels` in one table: what every channel has is named by its kind as well."""
    rates: dict[str, Rate] = {}
    for channel in channels:
        for name, rate in channel.rates(settings).items():
            rates[f"{channel.kind}.{name}" if name in (POST, HISTORY, WORKING) else name] = rate
    return rates
