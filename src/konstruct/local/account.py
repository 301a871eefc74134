"""The account that PostgreSQL runs as: it refuses to run as root."""

from __future__ import annotations

import os
import pwd
import sys

from konstruct.kit.errors import KonstructError
from konstruct.local.process import Account

_NOBODY = 65534
"""The overflow user and group of Linux, for images without an account file."""


def database_account() -> Account | None:
    """Return the account to drop to: `nobody` for root, None for everybody else (they run it as themselves).

    Raises KonstructError for root on a system without /proc, where a private folder cannot be handed to another user.
    """
    if os.geteuid() != 0:
        return None
    if not sys.platform.startswith("linux"):
        raise KonstructError("PostgreSQL does not run as root here: run `konstruct up` as an ordinary user")
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return Account(_NOBODY, _NOBODY)
    return Account(entry.pw_uid, entry.pw_gid)
