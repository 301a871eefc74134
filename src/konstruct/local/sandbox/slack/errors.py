"""How the simulated Slack says no."""

from __future__ import annotations


class SlackRefusal(Exception):  # noqa: N818  # an answer of the API, not an error of ours
    """A method call is refused with Slack's error code `error`.

    `messages` are its explanations in response_metadata, `fields` what stands beside the code.
    """

    def __init__(self, error: str, *messages: str, **fields: str) -> None:
        super().__init__(error)
        self.error = error
        self.messages = messages
        self.fields = fields


class RateLimited(SlackRefusal):
    """Too many calls: HTTP 429, to be tried again after `retry_after_s` seconds."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__("ratelimited")
        self.retry_after_s = retry_after_s
