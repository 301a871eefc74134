"""Ports on the loopback address: free ones, and the one that was asked for."""

from __future__ import annotations

import errno
import socket

from konstruct.kit.errors import KonstructError

LOOPBACK = "127.0.0.1"


class PortBusyError(KonstructError):
    """Something else listens on a port that was asked for; the line names the port and how to choose another."""


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` of the loopback address now. Raises PortBusyError for one we may not use."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: connections of an earlier server that are still closing do not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except PermissionError:
            raise PortBusyError(f"port {port} is reserved for the administrator: choose one above 1023 with --port") from None
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            raise
    return True


def require_free(port: int) -> None:
    """Raise PortBusyError when `port` is taken, KonstructError when it is no port number."""
    if not 1 <= port <= 65535:
        raise KonstructError(f"port {port} does not exist: choose one from 1024 to 65535 with --port")
    if not is_free(port):
        raise PortBusyError(f"port {port} is in use by another program: stop it, or choose another port with --port")


def pick_port(preferred: int | None = None) -> int:
    """Return `preferred` when it is free, else a free port that the system chooses."""
    if preferred is not None and is_free(preferred):
        return preferred
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])
