"""What production refuses."""

from __future__ import annotations

import pytest

from konstruct.kit.errors import SettingsError
from konstruct.kit.settings import load_settings


@pytest.mark.parametrize(("name", "value"), [("sandbox", True), ("llm_backend", "demo")])
def test_production_refuses_what_is_for_trying(name: str, value: object) -> None:
    assert getattr(load_settings(env="dev", **{name: value}), name) == value
    with pytest.raises(SettingsError, match=f"KONSTRUCT_{name.upper()}.*production"):
        load_settings(env="production", **{name: value})
