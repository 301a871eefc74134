"""Who may see an operator's page: operators only, by a cookie of their own; and content only with an access."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import Depends, Request

from konstruct.kit.errors import ForbiddenError
from konstruct.kit.ids import parse_id
from konstruct.tenants import operator_access, operators
from konstruct.tenants.operator_access_repository import Access
from konstruct.tenants.operators_repository import Operator
from konstruct.web.deps import Deps, deps_of
from konstruct.web.portal.guard import cookie_name

log = structlog.get_logger()

COOKIE = "konstruct_operator"
ENTRANCE = "/operator/sign-in"


class OperatorNotSignedInError(Exception):
    """No operator is signed in; a member of a business is none."""


class AccessNeededError(ForbiddenError):
    """A business's content was asked for without an access that still holds."""


async def require_operator(request: Request) -> Operator:
    """Return the signed-in operator: the dependency of every operator's route. Raises OperatorNotSignedInError."""
    deps = deps_of(request)
    operator = await operators.find_operator(deps.db, session_of(request, deps))
    if operator is None:
        raise OperatorNotSignedInError("no operator is signed in")
    # For the pages of errors, which are made where no dependency reaches.
    request.state.operator = operator
    return operator


Signed = Annotated[Operator, Depends(require_operator)]


async def require_access(request: Request, operator: Signed, tenant_id: str) -> Access:
    """Return the operator's access to the business in the path, and log that it is used: content's second dependency.

    Raises AccessNeededError, also for a business that does not exist.
    """
    tenant = parse_id(tenant_id)
    access = await operator_access.find_access(deps_of(request).db, operator, tenant)
    if access is None:
        raise AccessNeededError("conversations are read with a reason only, which the business's owner can see")
    log.warning(
        "operator_read",
        tenant_id=str(tenant),
        operator_id=str(operator.id),
        access_id=str(access.id),
        conversation_id=request.path_params.get("conversation_id"),
    )
    return access


Allowed = Annotated[Access, Depends(require_access)]


def session_of(request: Request, deps: Deps) -> str:
    """Return the value of the operator's cookie, or an empty text."""
    return request.cookies.get(cookie_name(deps, COOKIE), "")
