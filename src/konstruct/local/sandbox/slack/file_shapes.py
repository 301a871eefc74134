"""Files as the Web API and the events show them."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from konstruct.local.sandbox.model import StoredFile

FILES_PATH = "/sandbox/slack/files"
UPLOAD_PATH = "/sandbox/slack/upload/v1"


def file_shape(file: StoredFile, base_url: str) -> dict[str, Any]:
    """Return a file as Slack's JSON; its addresses lead to the sandbox and need the app's token."""
    address = f"{base_url}{FILES_PATH}/{file.team_id}-{file.file_id}"
    name, suffix = quote(file.name), PurePosixPath(file.name).suffix.lstrip(".").lower()
    return {
        "id": file.file_id,
        "created": int(file.made_at),
        "timestamp": int(file.made_at),
        "name": file.name,
        "title": file.title,
        "mimetype": file.mimetype,
        "filetype": suffix or "binary",
        "pretty_type": suffix.upper() or "Binary",
        "user": file.user_id,
        "user_team": file.team_id,
        "size": file.size,
        "mode": "hosted",
        "is_external": False,
        "is_public": False,
        "url_private": f"{address}/{name}",
        "url_private_download": f"{address}/download/{name}",
        "file_access": "visible",
    }


def unseen_file(file_id: str) -> dict[str, Any]:
    """Return what an event says of a file in a Slack Connect channel: that files.info knows more."""
    return {
        "id": file_id,
        "mode": "file_access",
        "file_access": "check_file_info",
        "created": 0,
        "timestamp": 0,
        "user": "",
    }
