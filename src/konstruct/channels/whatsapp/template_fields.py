"""Fields about the templates of a business account: approved, paused, of another category, of another quality. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from konstruct.channels.port_events import ChannelEvent, TemplateChanged
from konstruct.channels.whatsapp import payload
from konstruct.channels.whatsapp.envelope import Change

FIELDS = frozenset(
    (
        "message_template_status_update",
        "message_template_quality_update",
        "message_template_components_update",
        "template_category_update",
        "message_template_category_update",
    )
)
_REASON_MAX = 300


def read(change: Change, business: str) -> Sequence[ChannelEvent]:
    """Return the change of one template; nothing if it is not said of which."""
    value = change.value
    template = payload.person(value, "message_template_id")
    name = payload.text(value, "message_template_name", 512)
    if template is None or not name:
        return []
    return [
        TemplateChanged(
            **change.business_names(business),
            template_id=template,
            name=name,
            language=payload.word(value, "message_template_language") or "",
            state=payload.word(value, "event"),
            category=payload.word(value, "new_category") or payload.word(value, "message_template_category"),
            quality=payload.word(value, "new_quality_score"),
            reason=_reason(change),
            at=float(change.at or 0),
        )
    ]


def _reason(change: Change) -> str | None:
    value = change.value
    for inner, name in (("rejection_info", "reason"), ("other_info", "title"), ("disable_info", "disable_date")):
        if said := payload.text(payload.mapping(value, inner), name, _REASON_MAX):
            return said
    said = payload.text(value, "reason", _REASON_MAX)
    return said if said and said != "NONE" else None
