"""What keeps a number its own business's, and its secrets sealed."""

from __future__ import annotations

from tests.sabotage.removal import Removal

_SRC = "src/konstruct"
_TEST = "tests/web/test_signup.py"
_WATCH = "tests/web/test_number_watch.py"

WHATSAPP_ONBOARDING = (
    Removal(
        "signup-state",
        "the look at the state of a signup",
        f"{_SRC}/web/portal/channels/signup.py",
        '    if refused is not None:\n        log.info("install_state_refused"',
        '    if refused is installs.StateRefusal.USED:\n        log.info("install_state_refused"',
        f"{_TEST}::test_a_state_is_this_sign_ins_for_ten_minutes_and_once",
    ),
    Removal(
        "signup-covered",
        "that a token covers the business account which the browser named",
        f"{_SRC}/channels/whatsapp/onboarding.py",
        "return wanted if covered is None or wanted in covered else NotGranted(NOT_COVERED)",
        "return wanted",
        f"{_TEST}::test_what_the_browser_says_proves_nothing",
    ),
    Removal(
        "signup-app",
        "that a token was given to this house's app",
        f"{_SRC}/channels/whatsapp/onboarding.py",
        '            if str(data.get("app_id")) != self._app.id:',
        '            if not str(data.get("app_id")):',
        f"{_TEST}::test_what_the_browser_says_proves_nothing",
    ),
    Removal(
        "signup-number",
        "that a number is one of the business account's",
        f"{_SRC}/channels/port_signup.py",
        "return next((each for each in numbers if each.account_key == wanted), None)",
        "return next((each for each in numbers if each.account_key == wanted), Number(wanted, None))",
        f"{_TEST}::test_what_the_browser_says_proves_nothing",
    ),
    Removal(
        "signup-leaves-nothing",
        "that nothing is kept of what another business has",
        f"{_SRC}/channels/signups.py",
        '            await self._refuse(scope, signup.id, "taken")\n            raise',
        "            raise",
        f"{_TEST}::test_what_another_business_has_is_refused_and_nothing_of_it_is_said",
    ),
    Removal(
        "signup-pin-once",
        "that a PIN is sealed before Meta hears it, and stays the one",
        f"{_SRC}/channels/signups.py",
        "        known = await self._vault.reveal(self._db, scope, secret_id)",
        '        known = f"{secrets.randbelow(10**6):06d}"',
        f"{_TEST}::test_each_step_that_fails_says_why_and_goes_on_from_there",
    ),
    Removal(
        "signup-pin-noted",
        "that it is noted who saw a PIN",
        f"{_SRC}/channels/signups.py",
        '            await repository.add_act(session, account_id, "pin_shown", by)',
        "            assert by",
        f"{_TEST}::test_a_number_with_a_pin_of_its_own_asks_for_it",
    ),
    Removal(
        "signup-policy",
        "that on the page of Meta's dialog no script runs without its nonce",
        f"{_SRC}/web/portal/channels/signup_policy.py",
        "script-src 'nonce-{nonce}' {dialog.script_origin};",
        "script-src 'self' 'nonce-{nonce}' {dialog.script_origin};",
        f"{_TEST}::test_one_page_lets_meta_in_and_no_other",
    ),
    Removal(
        "signup-one-page",
        "that Meta's script is let in by one page alone",
        f"{_SRC}/web/portal/pages.py",
        "script-src 'self'; style-src",
        "script-src 'self' https://connect.facebook.net; style-src",
        f"{_TEST}::test_one_page_lets_meta_in_and_no_other",
    ),
    Removal(
        "signup-shared-account",
        "that Meta goes on delivering what happens in an account of which another number stays",
        f"{_SRC}/channels/accounts.py",
        "        if not forget and await db.run(held[0].scope, lambda s: repository.shares_business(s, account.id)):",
        "        if forget and await db.run(held[0].scope, lambda s: repository.shares_business(s, account.id)):",
        f"{_TEST}::test_connecting_again_keeps_everything_and_disconnecting_tells_meta",
    ),
    Removal(
        "verification-needed",
        "that a business which is not verified writes to nobody first",
        f"{_SRC}/channels/outreach/verification.py",
        'return None if held is not None and held.state == "approved" else Refused(NOT_VERIFIED)',
        "return None if held is not None else Refused(NOT_VERIFIED)",
        f"{_WATCH}::test_what_meta_says_of_the_verification_holds_and_has_a_history",
    ),
    Removal(
        "verification-told",
        "that nobody enters a verification which Meta itself tells",
        f"{_SRC}/channels/verifications.py",
        '    if before is not None and before.source == "provider":\n        raise',
        '    if before is not None and before.source == "nobody":\n        raise',
        f"{_WATCH}::test_what_meta_says_of_the_verification_holds_and_has_a_history",
    ),
    Removal(
        "token-end-told",
        "that an owner is told before the access to a number ends",
        f"{_SRC}/channels/watching.py",
        "            elif left_s > 0:\n                await raise_notice",
        "            elif left_s > 10 * EARLY_S:\n                await raise_notice",
        f"{_WATCH}::test_a_token_that_ends_is_told_early_and_breaks_the_account_at_its_end",
    ),
)
