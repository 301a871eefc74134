"""E-mail against a strict SMTP server: what arrives, what is refused, and what can never be smuggled in."""

from __future__ import annotations

import asyncio
from email.utils import parsedate_to_datetime
from pathlib import Path

import pytest

from konstruct.kit.errors import SettingsError
from konstruct.kit.mail import Mailer, MailError, NoMailer, SmtpMailer, default_sender, open_mailer
from konstruct.kit.mail_message import address
from konstruct.kit.settings import load_settings
from konstruct.kit.smtp_address import smtp_server
from konstruct.local.sandbox.mail import SandboxMailer
from konstruct.local.sandbox.store import SandboxStore
from tests.support.mail_server import certificate, open_mail_server

SENDER = "Konstruct <no-reply@konstruct.test>"


async def test_what_arrives_is_plain_text_with_the_headers_of_an_automatic_mail() -> None:
    async with open_mail_server() as server:
        mailer = SmtpMailer(f"smtp://127.0.0.1:{server.port}", SENDER)
        await mailer.send("ada@bikes.test", "Räder – 100 %", "Grüße,\n\n.\nein Punkt allein ✓\n" + "x" * 3000)
    (mail,) = server.mails
    assert server.envelopes == [("no-reply@konstruct.test", ["ada@bikes.test"])]
    assert (mail["From"], mail["To"], mail["Subject"]) == (SENDER, "ada@bikes.test", "Räder – 100 %")
    assert mail.get_content_type() == "text/plain" and mail.get_content_charset() == "utf-8"
    assert mail.get_content().replace("\r\n", "\n") == "Grüße,\n\n.\nein Punkt allein ✓\n" + "x" * 3000 + "\n"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Message-ID"].endswith("@konstruct.test>")
    assert parsedate_to_datetime(mail["Date"]).tzinfo is not None


@pytest.mark.parametrize(
    "subject", ["Hi\r\nBcc: eve@evil.test", "Hi\nBcc: eve@evil.test\n\nbody", "Hi\rBcc: x", "Hi\u2028Bcc: x\x00\x85", "\n", ""]
)
async def test_no_subject_becomes_a_header(subject: str) -> None:
    async with open_mail_server() as server:
        await SmtpMailer(f"smtp://127.0.0.1:{server.port}", SENDER).send("ada@bikes.test", subject, "Body\r\nBcc: no@header.test")
    (mail,) = server.mails
    assert mail["Bcc"] is None and mail["Subject"]
    assert server.envelopes[0][1] == ["ada@bikes.test"]
    assert sorted(mail.keys()) == sorted(
        "From To Subject Date Message-ID Auto-Submitted Content-Type Content-Transfer-Encoding MIME-Version".split()
    )


@pytest.mark.parametrize(
    "recipient",
    [
        "",
        "ada",
        "ada@",
        "@bikes.test",
        "ada@bikes.test, eve@evil.test",
        "ada@bikes.test\r\nBcc: eve@evil.test",
        "ada@bikes.test>\r\nDATA",
        "ada bikes@x.test",
        '"a b"@x.test',
        "ada@bikes..test",
        "ada@-bikes.test",
        ".ada@bikes.test",
        "a" * 65 + "@x.test",
        "a@" + "b" * 60 + ("." + "c" * 60) * 4,
        "ädä@bikes.test",
    ],
)
async def test_a_recipient_that_is_no_single_address_reaches_no_server(recipient: str) -> None:
    async with open_mail_server() as server:
        with pytest.raises(MailError) as refused:
            await SmtpMailer(f"smtp://127.0.0.1:{server.port}", SENDER).send(recipient, "Hi", "Hi")
    assert refused.value.for_good
    assert server.mails == []
    with pytest.raises(MailError):
        await SandboxMailer(SandboxStore(":memory:")).send(recipient, "Hi", "Hi")


@pytest.mark.parametrize(
    ("given", "plain"),
    [
        ("ada+x@bikes.test", "ada+x@bikes.test"),
        (" ada@bikes.test ", "ada@bikes.test"),
        ("Ada <ada@bikes.test>", "ada@bikes.test"),
        ("ada@räder.test", "ada@xn--rder-loa.test"),
        ("konstruct@[127.0.0.1]", "konstruct@[127.0.0.1]"),
    ],
)
def test_addresses_as_people_write_them(given: str, plain: str) -> None:
    parsed = address(given)
    assert parsed is not None and parsed.addr_spec == plain


async def test_login_and_starttls(tmp_path: Path) -> None:
    outside, inside = certificate(tmp_path)
    async with open_mail_server(login=("mail@konstruct.test", "p@ss/word"), tls=outside) as server:
        url = f"smtp://mail%40konstruct.test:p%40ss%2Fword@127.0.0.1:{server.port}?starttls=required"
        await SmtpMailer(url, SENDER, tls=inside).send("ada@bikes.test", "Hi", "Hi")
        assert len(server.to("ada@bikes.test")) == 1
        with pytest.raises(MailError, match="refuses the login"):
            await SmtpMailer(url.replace("word", "wrong"), SENDER, tls=inside).send("ada@bikes.test", "Hi", "Hi")
        with pytest.raises(MailError, match="cannot be used"):
            # The system does not know this certificate.
            await SmtpMailer(url, SENDER).send("ada@bikes.test", "Hi", "Hi")
        with pytest.raises(MailError):
            await SmtpMailer(url.replace("required", "never"), SENDER).send("ada@bikes.test", "Hi", "Hi")
    assert len(server.mails) == 1


async def test_a_server_without_starttls_gets_nothing_where_it_is_required() -> None:
    async with open_mail_server() as server:
        with pytest.raises(MailError) as refused:
            await SmtpMailer(f"smtp://127.0.0.1:{server.port}?starttls=required", SENDER).send("ada@bikes.test", "Hi", "Hi")
    assert server.mails == [] and not refused.value.for_good


async def test_a_refusal_for_good_and_one_for_now() -> None:
    async with open_mail_server() as server:
        mailer = SmtpMailer(f"smtp://127.0.0.1:{server.port}", SENDER)
        server.refused = {"gone@bikes.test": "550 no such user gone@bikes.test", "full@bikes.test": "452 full"}
        with pytest.raises(MailError) as gone:
            await mailer.send("gone@bikes.test", "Hi", "Hi")
        with pytest.raises(MailError) as full:
            await mailer.send("full@bikes.test", "Hi", "Hi")
        server.busy = True
        with pytest.raises(MailError) as busy:
            await mailer.send("ada@bikes.test", "Hi", "Hi")
    assert (gone.value.for_good, full.value.for_good, busy.value.for_good) == (True, False, False)
    assert "bikes.test" not in str(gone.value)


async def test_a_server_that_says_nothing_and_one_that_is_not_there() -> None:
    async def silent(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)

    writers: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    with pytest.raises(MailError, match="in time"):
        await SmtpMailer(f"smtp://127.0.0.1:{port}", SENDER, timeout_s=0.2).send("ada@bikes.test", "Hi", "Hi")
    for writer in writers:
        writer.close()
    server.close()
    await server.wait_closed()
    with pytest.raises(MailError, match="cannot be used"):
        await SmtpMailer(f"smtp://u:hunter2@127.0.0.1:{port}", SENDER).send("ada@bikes.test", "Hi", "Hi")


async def test_a_server_that_dies_with_the_e_mail_in_its_hands() -> None:
    async def dying(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test\r\n")
        while line := await reader.readline():
            if line == b".\r\n":
                break
            if line[:4].upper() in (b"EHLO", b"MAIL", b"RCPT"):
                writer.write(b"250 ok\r\n")
            elif line[:4].upper() == b"DATA":
                writer.write(b"354 go on\r\n")
        writer.close()

    async with await asyncio.start_server(dying, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(MailError) as died:
            await SmtpMailer(f"smtp://127.0.0.1:{port}", SENDER, timeout_s=5).send("ada@bikes.test", "Hi", "Hi")
    assert died.value.perhaps and not died.value.for_good


@pytest.mark.parametrize(
    "url",
    [
        "nonsense",
        "",
        "http://mail.test",
        "smtp://",
        "smtp://mail.test:port",
        "smtp://mail.test:0",
        "smtp://mail.test?starttls=perhaps",
        "smtp://mail.test?tls=1",
        "smtp://mail.test/inbox",
    ],
)
def test_a_wrong_address_is_named(url: str) -> None:
    with pytest.raises(SettingsError, match="KONSTRUCT_SMTP_URL is wrong"):
        smtp_server(url)


def test_how_a_server_is_reached() -> None:
    far = smtp_server("smtp://me:s3cret@mail.test")
    assert (far.port, far.tls, far.starttls, far.username, far.password) == (587, False, True, "me", "s3cret")
    assert "s3cret" not in repr(far)
    assert not smtp_server("smtp://localhost").starttls and smtp_server("smtp://localhost?starttls=required").starttls
    assert smtp_server("smtps://mail.test").port == 465
    assert smtp_server("smtps://mail.test").tls and not smtp_server("smtps://mail.test").starttls


async def test_which_mailer_an_installation_has() -> None:
    sandbox: Mailer = SandboxMailer(SandboxStore(":memory:"))
    assert open_mailer(load_settings(), sandbox) is sandbox
    assert isinstance(open_mailer(load_settings(smtp_url="smtp://mail.test"), sandbox), SmtpMailer)
    nothing = open_mailer(load_settings())
    assert isinstance(nothing, NoMailer)
    with pytest.raises(MailError, match="KONSTRUCT_SMTP_URL"):
        await nothing.send("ada@bikes.test", "Hi", "Hi")
    for wrong in ({"mail_from": "nobody"}, {"mail_from": "a@b.test, c@d.test", "smtp_url": "smtp://mail.test"}):
        with pytest.raises(SettingsError, match="KONSTRUCT_MAIL_FROM"):
            open_mailer(load_settings(**wrong))


@pytest.mark.parametrize(
    ("extra", "sender"),
    [
        ({"public_url": "https://desk.test"}, "konstruct@desk.test"),
        ({"public_url": "http://127.0.0.1:8400"}, "konstruct@[127.0.0.1]"),
        ({"smtp_url": "smtp://me%40firm.test:pw@mail.test"}, "me@firm.test"),
        ({"smtp_url": "smtp://me:pw@mail.test", "public_url": "https://desk.test"}, "konstruct@desk.test"),
    ],
)
def test_who_sends_where_nobody_is_named(extra: dict[str, str], sender: str) -> None:
    parsed = address(default_sender(load_settings(**extra)))
    assert parsed is not None and parsed.addr_spec == sender


async def test_the_sender_that_is_named_sends() -> None:
    async with open_mail_server() as server:
        settings = load_settings(smtp_url=f"smtp://127.0.0.1:{server.port}", mail_from="Desk <desk@firm.test>")
        await open_mailer(settings).send("ada@bikes.test", "Hi", "Hi")
    assert server.envelopes[0][0] == "desk@firm.test" and server.mails[0]["From"] == "Desk <desk@firm.test>"


async def test_the_sandbox_shows_what_was_sent() -> None:
    store = SandboxStore(":memory:")
    await SandboxMailer(store).send("ada@bikes.test", "Hi\r\nthere", "Text <b>not bold</b>")
    (mail,) = store.records.mails()
    assert (mail.recipient, mail.subject, mail.text) == ("ada@bikes.test", "Hi there", "Text <b>not bold</b>")
    store.close()
    with pytest.raises(MailError, match="mailbox"):
        await SandboxMailer(store).send("ada@bikes.test", "Hi", "Hi")
