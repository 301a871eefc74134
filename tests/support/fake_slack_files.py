"""Files of the tests' own Slack: asked for, uploaded, and only then shown, a moment after the answer, as the real one does."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from aiohttp import web

if TYPE_CHECKING:
    from tests.support.fake_slack import FakeSlack, Workspace


@dataclass
class Uploaded:
    """A file, and the message that shows it."""

    id: str
    name: str
    length: int
    team: str
    content: bytes | None = None
    share: dict[str, Any] | None = None
    looks: int = 0


@dataclass
class Files:
    """`looks` says how often files.info is asked before a share shows; `drops` shares nothing, though the answer is ok."""

    known: dict[str, Uploaded] = field(default_factory=dict)
    rights: bool = True
    looks: int = 1
    drops: bool = False
    address: str | None = None
    """Where uploads are sent to, instead of here."""
    refuses_uploads: int = 0
    """How many uploads fail."""
    headers: list[dict[str, str]] = field(default_factory=list)
    """Of each upload."""

    def answer(self, slack: FakeSlack, team: Workspace, method: str, asked: dict[str, str]) -> dict[str, Any]:
        """Answer one method."""
        if not self.rights:
            return {"ok": False, "error": "missing_scope", "needed": "files:write"}
        if method == "files.getUploadURLExternal":
            return self._offer(slack, team, asked)
        if method == "files.completeUploadExternal":
            return self._complete(slack, team, asked)
        if method == "files.info":
            return self._info(team, asked)
        return {"ok": False, "error": "unknown_method"}

    async def take(self, request: web.Request) -> web.Response:
        """Take the bytes. No token is asked for, and none may be sent."""
        self.headers.append(dict(request.headers))
        file = self.known[request.match_info["file_id"]]
        content = await request.read()
        if self.refuses_uploads:
            self.refuses_uploads -= 1
            return web.Response(status=500)
        if "Authorization" in request.headers or len(content) != file.length:
            return web.Response(status=400)
        file.content = content
        return web.Response(text=f"OK - {len(content)}")

    def _offer(self, slack: FakeSlack, team: Workspace, asked: dict[str, str]) -> dict[str, Any]:
        if not asked.get("filename") or int(asked.get("length", "0")) < 1:
            return {"ok": False, "error": "invalid_arguments"}
        file = Uploaded(f"F{len(self.known):03d}{team.team_id}", asked["filename"], int(asked["length"]), team.team_id)
        self.known[file.id] = file
        address = self.address or f"{slack.url.removesuffix('api/')}upload/{file.id}"
        return {"ok": True, "upload_url": address, "file_id": file.id}

    def _complete(self, slack: FakeSlack, team: Workspace, asked: dict[str, str]) -> dict[str, Any]:
        files = [self.known.get(each["id"]) for each in json.loads(asked["files"])]
        if any(file is None or file.team != team.team_id or file.content is None for file in files):
            return {"ok": False, "error": "file_not_found"}
        if asked.get("channel_id") not in team.channels:
            return {"ok": False, "error": "channel_not_found"}
        shown = [self._shown(file) for file in files if file is not None]
        if not self.drops:
            ts = slack.next_ts()
            own = {"ts": ts, "team": team.team_id, "user": team.bot_user_id, "subtype": "file_share"}
            post = {"channel": asked["channel_id"], "thread_ts": asked.get("thread_ts"), "files": shown, **own}
            slack.posts.append({"text": asked.get("initial_comment", ""), "blocks": [], **post})
            for file in files:
                assert file is not None
                file.share = {asked["channel_id"]: [{"ts": ts, "thread_ts": asked.get("thread_ts")}]}
        return {"ok": True, "files": [{**each, "shares": {}} for each in shown]}

    def _info(self, team: Workspace, asked: dict[str, str]) -> dict[str, Any]:
        file = self.known.get(asked.get("file", ""))
        if file is None or file.team != team.team_id:
            return {"ok": False, "error": "file_not_found"}
        file.looks += 1
        shares = {"private": file.share} if file.share and file.looks >= self.looks else {}
        return {"ok": True, "file": {**self._shown(file), "shares": shares}}

    @staticmethod
    def _shown(file: Uploaded) -> dict[str, Any]:
        return {"id": file.id, "name": file.name, "title": "The whole answer", "size": file.length, "mimetype": "text/markdown"}
