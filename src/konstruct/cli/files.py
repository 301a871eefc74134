"""Files that commands write: new ones, whole ones, for their owner's eyes only."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from konstruct.kit.errors import KonstructError


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that gets the name `path` when the block ends well, and is gone when it does not.

    Raises KonstructError if there is such a file already, or it cannot be made.
    """
    if path.exists():
        raise KonstructError(f"{path} is there already: choose another name")
    part = path.with_name(f"{path.name}.part")
    try:
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise KonstructError(f"{path} cannot be written ({error.strerror})") from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        part.rename(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
