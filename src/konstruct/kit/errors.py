"""Typed errors: each names what is wrong and, for operators, what to do."""

from __future__ import annotations


class KonstructError(Exception):
    """Base of every error we raise on purpose. Its text is safe to show to an operator: no message text, no secret."""


class SettingsError(KonstructError):
    """A setting is missing or wrong; the text is one line that names the variable and what it must hold."""


class NotFoundError(KonstructError):
    """Something named by the caller does not exist in this tenant (or belongs to another: the two look alike)."""


class ForbiddenError(KonstructError):
    """The signed-in member's role does not allow it."""


class ConflictError(KonstructError):
    """The request contradicts what is stored, such as a workspace that another tenant has connected."""


class StorageUnavailableError(KonstructError):
    """PostgreSQL did not accept the work in time. Nothing was stored; the caller may try again."""


class LeaseLostError(KonstructError):
    """The lease of a conversation has ended or moved to another worker: whoever sees this must stop writing."""


class SelfTestError(KonstructError):
    """A process refuses to start: a role, server version or extension is not what tenancy needs."""
