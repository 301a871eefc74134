"""Errors of the fake Graph API, in Meta's form."""

from __future__ import annotations

from typing import Any

from aiohttp import web

Reply = dict[str, Any]


class GraphRefusal(Exception):  # it is Meta's word, not a mistake of ours
    """The call was not carried out."""

    def __init__(self, code: int, message: str, status: int, subcode: int | None, details: str | None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = status
        self.error: dict[str, Any] = {
            "message": f"(#{code}) {message}",
            "type": "OAuthException",
            "code": code,
            "fbtrace_id": "AFakeTrace",
        }
        if subcode is not None:
            self.error["error_subcode"] = subcode
        if details is not None:
            self.error["error_data"] = {"messaging_product": "whatsapp", "details": details}

    def response(self) -> web.Response:
        """Return it as Meta's answer."""
        return web.json_response({"error": self.error}, status=self.status)


def refuse(code: int, message: str, *, status: int = 400, subcode: int | None = None, details: str | None = None) -> GraphRefusal:
    """Return the error, to be raised."""
    return GraphRefusal(code, message, status, subcode, details)


def bad_token() -> GraphRefusal:
    """The token is none, or over."""
    return refuse(190, "Invalid OAuth access token - Cannot parse access token", status=401)


def gone(name: str) -> GraphRefusal:
    """The object is not there, or not for this token: Meta does not say which."""
    return refuse(
        100,
        f"Unsupported request. Object with ID '{name}' does not exist, cannot be loaded due to missing permissions",
        subcode=33,
    )


def invalid(details: str) -> GraphRefusal:
    """A parameter is wrong."""
    return refuse(100, "Invalid parameter", details=details)
