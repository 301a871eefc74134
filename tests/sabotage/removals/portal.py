"""Who may see and do what."""

from __future__ import annotations

from tests.sabotage.removal import Removal

_SRC = "src/konstruct"

PORTAL = (
    Removal(
        "role-check",
        "the role's permission at a route",
        f"{_SRC}/web/portal/guard.py",
        "        if not found.may(permission):",
        "        if not found:",
        "tests/web/test_portal_routes.py::test_a_role_gets_its_own_pages_and_no_other",
    ),
    Removal(
        "rank-check",
        "that nobody gives a role above the own",
        f"{_SRC}/tenants/members.py",
        "    if not outranks(actor.role, role):",
        "    if not role:",
        "tests/web/test_members.py::test_an_admin_makes_and_unmakes_no_owner",
    ),
    Removal(
        "other-sites",
        "the refusal of other sites' forms",
        f"{_SRC}/web/portal/guard.py",
        "    if not own:\n",
        "    if own is None:\n",
        "tests/web/test_entrance.py::test_a_form_of_another_site_is_refused",
    ),
    Removal(
        "link-once",
        "that a link works once",
        f"{_SRC}/tenants/sign_in_repository.py",
        '_LIVE = "used_at IS NULL AND expires_at > now()"',
        '_LIVE = "expires_at > now()"',
        "tests/web/test_entrance.py::test_a_link_signs_in_once_to_its_own_business",
    ),
    Removal(
        "code-tries",
        "the limit of tries for a code",
        f"{_SRC}/tenants/sign_in_repository.py",
        '        f" AND attempts < $4 AND {_LIVE} RETURNING member_id",',
        '        f" AND $4 > 0 AND {_LIVE} RETURNING member_id",',
        "tests/web/test_entrance.py::test_five_wrong_codes_end_the_right_one",
    ),
    Removal(
        "suspended-session",
        "the tenant's status in a session",
        f"{_SRC}/tenants/sessions.py",
        "JOIN tenant_directory d ON d.tenant_id = s.tenant_id AND d.status = 'active'",
        "JOIN tenant_directory d ON d.tenant_id = s.tenant_id",
        "tests/web/test_entrance.py::test_suspension_ends_a_session_at_once",
    ),
    Removal(
        "escaping",
        "the escaping of pages",
        f"{_SRC}/web/portal/pages.py",
        "        autoescape=True,",
        "        autoescape=False,",
        "tests/web/test_notices.py::test_a_notice_is_text",
    ),
    Removal(
        "operator-guard",
        "the access that an operator needs to read",
        f"{_SRC}/web/operator/guard.py",
        "    access = await operator_access.find_access(deps_of(request).db, operator, tenant)\n    if access is None:",
        "    access = await operator_access.find_access(deps_of(request).db, operator, tenant)\n    if tenant is None:",
        "tests/operator/test_reach.py::test_no_page_shows_content_without_an_access",
    ),
)
