"""Looks for a model server on this machine, with KONSTRUCT_LLM_BACKEND=auto only: tenants' texts go to what it finds."""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import orjson

PORTS = (11434, 1234, 8080, 8000, 1337, 12434)
"""Defaults of Ollama, LM Studio, llama.cpp, vLLM, Jan and Docker Model Runner."""
_TIMEOUT_S = 1.0
_MAX_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Found:
    """A server that answers as OpenAI's model list does, and the ids it lists."""

    url: str
    models: tuple[str, ...]


def probe(ports: Sequence[int]) -> Found | None:
    """Ask each port of loopback for its models, at once; return the first server in the order of `ports`, or None.

    Blocks for about a second at most, so it belongs before a loop is started.
    """
    with ThreadPoolExecutor(max_workers=len(ports)) as pool:
        answers = list(pool.map(_ask, ports))
    return next((found for found in answers if found is not None), None)


def _ask(port: int) -> Found | None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT_S)
    try:
        connection.request("GET", "/v1/models", headers={"Accept": "application/json"})
        response = connection.getresponse()
        body = response.read(_MAX_BYTES) if response.status == 200 else b""
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()
    models = _model_ids(body)
    return Found(f"http://127.0.0.1:{port}/v1", models) if models else None


def _model_ids(body: bytes) -> tuple[str, ...]:
    """The ids of a body of the form {"object": "list", "data": [{"id": …}]}; empty for anything else: these ports serve much."""
    try:
        payload: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        return ()
    if not isinstance(payload, dict) or payload.get("object") != "list" or not isinstance(payload.get("data"), list):
        return ()
    ids = [item.get("id") if isinstance(item, dict) else None for item in payload["data"]]
    if not all(isinstance(found, str) and found for found in ids):
        return ()
    return tuple(found for found in ids if found)
