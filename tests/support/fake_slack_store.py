"""The files and the people of the tests' Slack. It is as strict about tokens as the real one, which answers 200 with a page."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

LOGIN = "<!DOCTYPE html><html><head><title>Slack</title></head><body>Sign in to your workspace</body></html>"


@dataclass
class Kept:
    """A file of a workspace."""

    team_id: str
    content: bytes
    name: str
    mimetype: str = "text/plain"
    to: str | None = None
    """Where a download is sent instead."""
    status: int = 200


@dataclass
class FileStore:
    """`downloads` holds (name, Authorization) of each request for a file."""

    kept: dict[str, Kept] = field(default_factory=dict)
    downloads: list[tuple[str, str | None]] = field(default_factory=list)
    people: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    url: str = ""

    def add(self, base: str, file_id: str, kept: Kept, **changes: Any) -> dict[str, Any]:
        """Keep a file; return it as a message shows it. `base` is the address of the Web API."""
        self.url = base.removesuffix("/api/")
        self.kept[file_id] = kept
        return {**self._shown(file_id), **changes}

    def _shown(self, file_id: str) -> dict[str, Any]:
        kept = self.kept[file_id]
        return {
            "id": file_id,
            "name": kept.name,
            "title": kept.name,
            "mimetype": kept.mimetype,
            "size": len(kept.content),
            "mode": "hosted",
            "is_external": False,
            "url_private": f"{self.url}/files-pri/{file_id}",
            "url_private_download": f"{self.url}/files-pri/{file_id}",
        }

    def info(self, team_id: str, file_id: str) -> dict[str, Any]:
        """Answer `files.info`."""
        kept = self.kept.get(file_id)
        if kept is None or kept.team_id != team_id:
            return {"ok": False, "error": "file_not_found"}
        return {"ok": True, "file": self._shown(file_id)}

    def person(self, team_id: str, user_id: str) -> dict[str, Any]:
        """Answer `users.info`."""
        found = self.people.get((team_id, user_id))
        return {"ok": True, "user": {"id": user_id, **found}} if found else {"ok": False, "error": "user_not_found"}

    async def download(self, request: web.Request, team_id: str | None) -> web.StreamResponse:
        """Answer a download; `team_id` is the workspace of its token."""
        file_id = request.match_info["name"]
        self.downloads.append((file_id, request.headers.get("Authorization")))
        kept = self.kept.get(file_id)
        if kept is None:
            return web.Response(status=404)
        if kept.to is not None:
            return web.Response(status=302, headers={"Location": kept.to})
        if team_id != kept.team_id:
            return web.Response(text=LOGIN, content_type="text/html")
        headers = {"Content-Type": kept.mimetype, "Content-Disposition": f'attachment; filename="{file_id}"'}
        answer = web.StreamResponse(status=kept.status, headers=headers)
        await answer.prepare(request)
        await answer.write(kept.content)
        await answer.write_eof()
        return answer
