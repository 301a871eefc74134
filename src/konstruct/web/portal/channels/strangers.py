"""Whether people of other companies are answered, in channels that are shared with them."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse

from konstruct.channels import accounts
from konstruct.kit.ids import parse_id
from konstruct.tenants.roles import Permission
from konstruct.web.deps import deps_of
from konstruct.web.portal.forms import form_of
from konstruct.web.portal.guard import Visitor, require
from konstruct.web.portal.pages import HEADERS


async def set_strangers(
    request: Request, visitor: Annotated[Visitor, Depends(require(Permission.MANAGE_CHANNELS))], account_id: str
) -> Response:
    """Let the account answer strangers, or not: the form's `answer` is "yes" or anything else."""
    account = parse_id(account_id)
    entered = await form_of(request)
    await accounts.answer_strangers(deps_of(request).db, visitor.scope, account, entered.get("answer") == "yes")
    return RedirectResponse(f"/channels/{account}#strangers", status_code=303, headers=HEADERS)
