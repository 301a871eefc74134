"""What keeps other sites out of the sandbox's own calls."""

from __future__ import annotations

from fastapi import HTTPException, Request


def refuse_other_sites(request: Request) -> None:
    """Raise HTTPException 403 for a request that a page of another site makes the browser send."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise HTTPException(403, "only the sandbox's own pages may do this")
