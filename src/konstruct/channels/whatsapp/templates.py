"""The message templates of a WhatsApp business account, as Meta lists them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from konstruct.channels.port import Credential, Failed, Retry, Unknown
from konstruct.channels.port_templates import ListedTemplate, TemplatePage
from konstruct.channels.whatsapp import outcomes
from konstruct.channels.whatsapp.client import Answer, GraphClient

PAGE = 100
CALL_S = 20.0
_FIELDS = "id,name,language,status,category,quality_score,rejected_reason,parameter_format,components"
_AGAIN_S = 60.0
_NO_REASON = ("", "NONE")


class Templates:
    """The part of the adapter that asks for templates."""

    _client: GraphClient

    async def templates(
        self, business_account_id: str, credential: Credential, after: str | None = None
    ) -> TemplatePage | Retry | Failed:
        """See `Templating`."""
        params = {"fields": _FIELDS, "limit": str(PAGE), **({"after": after} if after else {})}
        path = f"{business_account_id}/message_templates"
        result = await self._client.call("GET", path, credential.token, timeout_s=CALL_S, params=params)
        if not isinstance(result, Answer):
            return Retry(_AGAIN_S, result.reason)
        if not result.ok:
            said = outcomes.refused(result)
            return Retry(_AGAIN_S, said.reason) if isinstance(said, Unknown) else said
        listed = result.data.get("data")
        if not isinstance(listed, list):
            return Failed("unreadable_answer")
        return TemplatePage(tuple(found for each in listed if (found := _template(each)) is not None), _next(result.data))


def _template(each: object) -> ListedTemplate | None:
    """Return a template, or None for what is none that could ever be sent."""
    if not isinstance(each, dict):
        return None
    name, language, state = (_word(each.get(key)) for key in ("name", "language", "status"))
    if not name or not language or not state or len(name) > 512 or len(language) > 20:
        return None
    score = each.get("quality_score")
    reason = _word(each.get("rejected_reason"), 300)
    components = each.get("components")
    return ListedTemplate(
        name=name,
        language=language,
        state=state[:100],
        category=_word(each.get("category")),
        quality=_word(score.get("score") if isinstance(score, dict) else score),
        reason=None if reason is None or reason.upper() in _NO_REASON else reason,
        provider_id=_word(each.get("id"), 200),
        named=str(each.get("parameter_format", "")).upper() == "NAMED",
        components=tuple(part for part in components if isinstance(part, dict)) if isinstance(components, list) else (),
    )


def _word(value: object, longest: int = 600) -> str | None:
    """Return what Meta says as one word, without what no row holds."""
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    found = value.replace("\0", "")[:longest].strip() if isinstance(value, str) else ""
    return found or None


def _next(data: Mapping[str, Any]) -> str | None:
    paging = data.get("paging")
    if not isinstance(paging, dict) or not paging.get("next"):
        return None
    cursors = paging.get("cursors")
    after = cursors.get("after") if isinstance(cursors, dict) else None
    return after if isinstance(after, str) and after else None
