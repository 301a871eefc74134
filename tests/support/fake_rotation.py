"""Slack's token rotation, as strict as the real one: a refresh token works once, and access tokens end by the test's clock."""

from __future__ import annotations

import base64
import itertools
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

LIFETIME_S = 43_200


@dataclass
class Rotation:
    """`used` holds every refresh token that was redeemed, in order; `now` is the clock, in seconds."""

    now: float = 0.0
    used: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    lifetime_s: int = LIFETIME_S
    _ends: dict[str, tuple[Any, float]] = field(default_factory=dict)
    _refresh: dict[str, Any] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))

    def grant(self, workspace: Any) -> tuple[str, str]:
        """Return a new access token and refresh token of a workspace, as an installation gives them."""
        number = next(self._numbers)
        token, refresh = f"xoxe.xoxb-{workspace.team_id}-{number}", f"xoxe-{workspace.team_id}-{number}"
        self._ends[token] = (workspace, self.now + self.lifetime_s)
        self._refresh[refresh] = workspace
        return token, refresh

    def end(self, workspace: Any) -> None:
        """The grant is taken back: no token of it works any more."""
        self._refresh = {token: owner for token, owner in self._refresh.items() if owner is not workspace}
        self._ends = {token: held for token, held in self._ends.items() if held[0] is not workspace}

    def owner(self, token: str) -> Any:
        """Return the workspace whose token it is; None if it is not one of ours, "token_expired" if its time is over."""
        workspace, ends_at = self._ends.get(token, (None, 0.0))
        return "token_expired" if workspace is not None and ends_at <= self.now else workspace

    def redeem(self, proof: tuple[str, str], authorization: str, form: str) -> dict[str, Any]:
        """Answer oauth.v2.access for a refresh token. The app proves itself, by header or form, with `proof`."""
        fields = {name: values[0] for name, values in parse_qs(form).items()}
        scheme, _, encoded = authorization.partition(" ")
        given = f"{fields.get('client_id')}:{fields.get('client_secret')}"
        if scheme == "Basic":
            given = base64.b64decode(encoded).decode()
        if given != ":".join(proof):
            return {"ok": False, "error": "bad_client_secret"}
        if fields.get("grant_type") != "refresh_token":
            return {"ok": False, "error": "invalid_grant_type"}
        presented = fields.get("refresh_token", "")
        workspace = self._refresh.pop(presented, None)
        if workspace is None:
            self.refused.append(presented)
            return {"ok": False, "error": "invalid_refresh_token"}
        self.used.append(presented)
        token, refresh = self.grant(workspace)
        return {
            "ok": True,
            "access_token": token,
            "refresh_token": refresh,
            "expires_in": self.lifetime_s,
            "token_type": "bot",
            "scope": "chat:write",
            "bot_user_id": workspace.bot_user_id,
            "app_id": workspace.app_id,
            "team": {"id": workspace.team_id, "name": "A workspace"},
            "enterprise": None,
            "is_enterprise_install": False,
        }
