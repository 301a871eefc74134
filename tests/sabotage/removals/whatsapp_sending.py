"""What makes an answer over WhatsApp one, and keeps the token at Meta."""

from __future__ import annotations

from tests.sabotage.removal import Removal

_SRC = "src/konstruct/channels"

WHATSAPP_SENDING = (
    Removal(
        "whatsapp-our-id-goes-along",
        "our id in a message to WhatsApp",
        f"{_SRC}/whatsapp/posts.py",
        '        "biz_opaque_callback_data": str(post.delivery_id),\n',
        "",
        "tests/channels/test_whatsapp_contract.py::TestWhatsApp::test_rule[a_send_leaves_a_trace]",
    ),
    Removal(
        "whatsapp-lost-is-unknown",
        "that a lost answer of Meta's is unknown",
        f"{_SRC}/whatsapp/client.py",
        '            return Lost(_reason(error)) if attempt.written else NotWritten("no_connection")\n',
        '            return NotWritten("no_connection")\n',
        "tests/channels/test_whatsapp_contract.py::TestWhatsApp::test_rule[every_outcome_is_honest]",
    ),
    Removal(
        "whatsapp-called-once",
        "that the transport repeats no call to Meta",
        f"{_SRC}/whatsapp/client.py",
        "        raise _RepeatedError\n",
        "        pass\n",
        "tests/channels/test_whatsapp_sending.py::test_the_client_calls_once",
    ),
    Removal(
        "whatsapp-metas-hosts",
        "where a token may fetch files",
        f"{_SRC}/whatsapp/media.py",
        "        if not isinstance(url, str) or not self._is_metas(url):\n",
        "        if not isinstance(url, str):\n",
        "tests/channels/test_whatsapp_media.py::test_the_token_never_goes_to_another_host",
    ),
    Removal(
        "whatsapp-whole-files",
        "the checksum of a file",
        f"{_SRC}/whatsapp/media.py",
        '        return FileContent(name, content) if _whole(content, described.get("sha256")) else DAMAGED\n',
        "        return FileContent(name, content)\n",
        "tests/channels/test_whatsapp_media.py::test_what_is_not_the_file_is_not_taken_for_it",
    ),
    Removal(
        "whatsapp-no-accidental-formatting",
        "that the text's own signs mean nothing",
        f"{_SRC}/whatsapp/wording.py",
        '        after = HAIR if at in begins and last_close[text[at]] > at else ""\n',
        '        after = ""\n',
        "tests/channels/test_whatsapp_render.py::test_forms",
    ),
    Removal(
        "whatsapp-one-pair-waits-alone",
        "that a pair's wait is its own",
        f"{_SRC}/limits.py",
        "        if not alone and await self._second_channel(scope, place, seconds):\n",
        "        if await self._second_channel(scope, place, seconds):\n",
        "tests/channels/test_limits_shares.py::test_a_channel_that_waits_alone_lets_no_other_wait",
    ),
    Removal(
        "whatsapp-late-refusals",
        "that a refusal by status is acted upon",
        f"{_SRC}/receipts.py",
        '                await self._judge(received, found, receipt.reason or "")\n',
        "                pass\n",
        "tests/spine/test_receipts.py::test_what_a_late_refusal_means_is_acted_upon",
    ),
)
