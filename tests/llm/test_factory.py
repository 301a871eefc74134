from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from structlog.testing import capture_logs

from konstruct.db.scope import TenantScope
from konstruct.kit.errors import SettingsError
from konstruct.kit.settings import Settings
from konstruct.llm import probe
from konstruct.llm.backends.demo import PassageLike
from konstruct.llm.factory import build_router
from tests.support.fake_openai import KEY, FakeOpenAi


class NoKnowledge:
    async def passages(self, scope: TenantScope, query: str, limit: int) -> Sequence[PassageLike]:
        return []


def built(**settings: object) -> list[tuple[str, str]]:
    router = build_router(Settings.model_validate(settings), NoKnowledge())
    return [(target.name, target.model) for target in router.targets]


def test_each_backend() -> None:
    server = {"llm_backend": "openai_compat", "llm_url": "https://models.example/v1", "llm_model": "m"}
    assert built(**server) == [("openai_compat", "m")]
    assert built(llm_backend="demo") == [("demo", "demo/extractive")]
    assert built(llm_backend="scripted") == [("scripted", "scripted/replies")]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({}, "KONSTRUCT_LLM_BACKEND is not set.*openai_compat.*auto.*demo"),
        ({"llm_backend": "openai_compat", "llm_model": "m"}, "KONSTRUCT_LLM_URL is not set"),
        ({"llm_backend": "openai_compat", "llm_url": "https://h/v1"}, "KONSTRUCT_LLM_MODEL is not set"),
        ({"llm_backend": "openai_compat", "llm_url": "models.example", "llm_model": "m"}, "KONSTRUCT_LLM_URL is wrong"),
        ({"llm_backend": "openai_compat", "llm_url": "ftp://h/v1", "llm_model": "m"}, "KONSTRUCT_LLM_URL is wrong"),
        ({"llm_backend": "openai_compat", "llm_url": "https://h:99999/v1", "llm_model": "m"}, "KONSTRUCT_LLM_URL is wrong"),
        ({"llm_backend": "openai_compat", "llm_url": "https://u:p@h/v1", "llm_model": "m"}, "KONSTRUCT_LLM_URL is wrong"),
        (
            {"llm_backend": "openai_compat", "llm_url": "https://h/v1", "llm_model": "m", "llm_api_key": "a\nb"},
            "KONSTRUCT_LLM_API_KEY is wrong",
        ),
        ({"llm_backend": "scripted", "env": "production"}, "KONSTRUCT_LLM_BACKEND=scripted is refused"),
        ({"llm_backend": "demo", "env": "production"}, "KONSTRUCT_LLM_BACKEND=demo is refused"),
    ],
)
def test_what_is_wrong_is_named_in_one_line(settings: dict[str, object], named: str) -> None:
    with pytest.raises(SettingsError, match=named) as caught:
        built(**settings)
    assert "\n" not in str(caught.value)


async def test_auto_finds_a_model_server_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    async with FakeOpenAi(models=("nomic-embed-text", "llama-small")) as fake:
        monkeypatch.setattr(probe, "PORTS", (fake.port,))
        with capture_logs() as logs:
            assert await asyncio.to_thread(built, llm_backend="auto") == [("openai_compat", "llama-small")]
        assert logs == [
            {"event": "llm_auto_found", "log_level": "info", "url": fake.url, "model": "llama-small", "models": 2},
        ]
        with pytest.raises(SettingsError, match="KONSTRUCT_LLM_MODEL=other"):
            await asyncio.to_thread(built, llm_backend="auto", llm_model="other")


async def test_auto_never_falls_back_to_the_demo(monkeypatch: pytest.MonkeyPatch) -> None:
    server = await asyncio.start_server(_web_page, "127.0.0.1", 0)
    async with server:
        monkeypatch.setattr(probe, "PORTS", (server.sockets[0].getsockname()[1],))
        with pytest.raises(SettingsError, match="KONSTRUCT_LLM_BACKEND=auto found no model server"):
            await asyncio.to_thread(built, llm_backend="auto")


async def _web_page(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 26\r\n\r\n{"object":"list","data":1}')
    await writer.drain()
    writer.close()


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        (b'{"object":"list","data":[{"id":"a"},{"id":"b"}]}', ("a", "b")),
        (b'{"object":"list","data":[]}', ()),
        (b'{"object":"list","data":[{"name":"a"}]}', ()),
        (b'{"data":[{"id":"a"}]}', ()),
        (b'{"object":"list","data":["a"]}', ()),
        (b"[]", ()),
        (b"<html>", ()),
        (b"", ()),
    ],
)
def test_only_a_model_list_is_a_model_server(body: bytes, ids: tuple[str, ...]) -> None:
    assert probe._model_ids(body) == ids


def test_the_key_is_not_in_the_router() -> None:
    settings = Settings.model_validate(
        {"llm_backend": "openai_compat", "llm_url": "https://h/v1", "llm_model": "m", "llm_api_key": KEY}
    )
    assert KEY not in repr(build_router(settings, NoKnowledge()).targets)
