"""What a member of a business may do: four fixed roles, and one permission for each kind of act."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, get_args

Role = Literal["owner", "admin", "operator", "viewer"]
ROLES: tuple[Role, ...] = get_args(Role)
"""From the most to the least powerful."""


class Permission(StrEnum):
    """One kind of act. Each page and API route asks for exactly one."""

    VIEW_OVERVIEW = "overview:view"
    VIEW_CONVERSATIONS = "conversations:view"
    ANSWER_CONVERSATIONS = "conversations:answer"
    VIEW_EMPLOYEE = "employee:view"
    EDIT_EMPLOYEE = "employee:edit"
    VIEW_KNOWLEDGE = "knowledge:view"
    EDIT_KNOWLEDGE = "knowledge:edit"
    VIEW_USAGE = "usage:view"
    VIEW_CHANNELS = "channels:view"
    MANAGE_CHANNELS = "channels:manage"
    VIEW_CONSENT = "consent:view"
    RECORD_CONSENT = "consent:record"
    ATTEST_CONSENT = "consent:attest"
    RESOLVE_NOTICES = "notices:resolve"
    VIEW_MEMBERS = "members:view"
    MANAGE_MEMBERS = "members:manage"
    MANAGE_SETTINGS = "settings:manage"
    EXPORT_DATA = "data:export"
    MANAGE_API_KEYS = "api_keys:manage"
    DELETE_BUSINESS = "business:delete"


_VIEWER = frozenset(permission for permission in Permission if permission.value.endswith(":view"))
_OPERATOR = _VIEWER | {Permission.ANSWER_CONVERSATIONS, Permission.RECORD_CONSENT, Permission.RESOLVE_NOTICES}
_OWNER = frozenset(Permission)
_GRANTED: dict[Role, frozenset[Permission]] = {
    "owner": _OWNER,
    "admin": _OWNER - {Permission.DELETE_BUSINESS},
    "operator": _OPERATOR,
    "viewer": _VIEWER,
}


def allows(role: Role, permission: Permission) -> bool:
    """Return whether members of `role` may do it."""
    return permission in _GRANTED[role]


def outranks(role: Role, other: Role) -> bool:
    """Return whether `role` may give, change or take away `other`: an admin makes no owner, and unmakes none."""
    return ROLES.index(role) <= ROLES.index(other)
