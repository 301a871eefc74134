"""Ports: a busy one is named, a free one is found."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from konstruct.kit.errors import KonstructError
from konstruct.local.ports import PortBusyError, pick_port, require_free


@pytest.fixture
def busy() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_busy_port_is_named_with_the_way_out(busy: int) -> None:
    with pytest.raises(PortBusyError, match=rf"^port {busy} is in use by another program: .*--port$"):
        require_free(busy)


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_number_that_is_no_port_is_named(port: int) -> None:
    with pytest.raises(KonstructError, match=f"port {port} does not exist"):
        require_free(port)


def test_the_preferred_port_is_kept_while_it_is_free(busy: int) -> None:
    free = pick_port()
    require_free(free)
    assert pick_port(free) == free
    assert pick_port(busy) != busy
