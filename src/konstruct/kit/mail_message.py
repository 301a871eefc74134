"""The form of an e-mail: one recipient, plain text, headers that nobody's text can add to."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid, parseaddr

from konstruct.kit.text import storable

ADDRESS_MAX = 254
SUBJECT_MAX = 200
_LOCAL = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"({_LOCAL})@({_LABEL}(?:\.{_LABEL})*|\[[0-9a-fA-F:.]{{3,45}}\])", re.ASCII)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


def address(text: str) -> Address | None:
    """Return an address (`Name <who@host>`, or without a name) as it may stand in a header; None if it is none.

    A domain in other letters is put into its ASCII form. Quoted local parts and lists are refused: nobody needs them here.
    """
    if _UNPRINTABLE.search(text) or "," in text or ";" in text:
        return None
    name, plain = parseaddr(text) if "<" in text else ("", text.strip())
    local, _, domain = plain.rpartition("@")
    try:
        plain = f"{local}@{domain if domain.isascii() else domain.encode('idna').decode()}"
    except UnicodeError:
        return None
    found = _ADDRESS.fullmatch(plain)
    if found is None or len(plain) > ADDRESS_MAX or len(found[1]) > 64:
        return None
    return Address(storable(name), found[1], found[2])


def compose(sender: Address, recipient: Address, subject: str, text: str) -> EmailMessage:
    """Return the message. Line breaks and control characters of `subject` become blanks: they cannot begin a header."""
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = recipient
    message["Subject"] = _UNPRINTABLE.sub(" ", storable(subject)).strip()[:SUBJECT_MAX] or "(no subject)"
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(domain=sender.domain.strip("[]"))
    # Nobody's absence notice or ticket system shall answer (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(storable(text).rstrip() + "\n", charset="utf-8")
    return message
