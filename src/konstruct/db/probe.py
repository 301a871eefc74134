"""Asks a PostgreSQL server whether it takes a login, before anything depends on it."""

from __future__ import annotations

import asyncpg

from konstruct.kit.errors import ConflictError


async def accepts(url: str, *, timeout_s: float = 3.0) -> bool:
    """Return whether the server of `url` takes the login now; False while it starts, stops or cannot be reached.

    Raises ConflictError when it runs and refuses the login.
    """
    try:
        connection = await asyncpg.connect(url, timeout=timeout_s)
    except (asyncpg.InvalidAuthorizationSpecificationError, asyncpg.InvalidCatalogNameError) as error:
        raise ConflictError(f"the server refuses the login: {error}") from None
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return False
    await connection.close(timeout=timeout_s)
    return True
