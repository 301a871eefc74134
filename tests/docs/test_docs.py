"""What the documents say about names is true: files, tests, settings, dependencies and links exist, and none is left out."""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from konstruct.kit.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
PLACES = (ROOT, ROOT / "src" / "konstruct", ROOT / "src" / "konstruct" / "db" / "migrations" / "sql")
"""Where a path of a document may begin."""

_SPAN = re.compile(r"`([^`\n]+)`")
_PATH = re.compile(r"[A-Za-z0-9_.-]+(?:/[A-Za-z0-9_.-]+)*\.(?:py|sql|md|toml|json|lock)")
_TEST = re.compile(r"(tests/[\w/]+\.py)::(\w+)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_VARIABLE = re.compile(rf"\b{PREFIX}[A-Z][A-Z0-9_]*\b")
_FROM_OUTSIDE = re.compile(rf"\b{PREFIX}(?:ADMIN_DATABASE_URL|BOT_TOKEN|WHATSAPP_TOKEN)\b")
"""Variables of single commands, which are no settings of a process."""


@cache
def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def anchors_of(page: Path) -> set[str]:
    """Return what a link may say after `#`, as GitHub makes it of the headings."""
    return {re.sub(r"[^\w\- ]", "", heading).strip().lower().replace(" ", "-") for heading in _HEADING.findall(text_of(page))}


def settings_of_processes() -> set[str]:
    return {PREFIX + name.upper() for name in Settings.model_fields}


def direct_dependencies() -> set[str]:
    project = tomllib.loads(text_of(ROOT / "pyproject.toml"))
    wanted = [*project["project"]["dependencies"], *(name for group in project["dependency-groups"].values() for name in group)]
    return {re.split(r"[\s\[<>=!~;]", requirement, maxsplit=1)[0] for requirement in wanted}


def test_the_readme_is_short_and_begins_with_what_a_stranger_needs() -> None:
    lines = text_of(ROOT / "README.md").splitlines()
    assert len(lines) <= 120
    start = "\n".join(lines[:40])
    assert "make up" in start and "make test" in start and "docs/img/sandbox.png" in start


def test_the_picture_is_one_and_light() -> None:
    picture = (ROOT / "docs" / "img" / "sandbox.png").read_bytes()
    assert picture.startswith(b"\x89PNG") and len(picture) < 250_000


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in _LINK.findall(text_of(page)):
        if link.startswith(("http://", "https://")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), link
        assert not anchor or anchor in anchors_of(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_that_are_named_exist(page: Path) -> None:
    named = [span.partition("::")[0] for span in _SPAN.findall(text_of(page))]
    # A bare name stands for a file of the folder named before it, or for any file of that name: only paths are held here.
    paths = [name for name in named if _PATH.fullmatch(name) and ("/" in name or name.endswith(".sql"))]
    assert [path for path in paths if not any((place / path).exists() for place in PLACES)] == []


def test_architecture_and_security_name_files_at_all() -> None:
    for name in ("architecture.md", "security.md"):
        spans = _SPAN.findall(text_of(ROOT / "docs" / name))
        assert sum(bool(_PATH.fullmatch(span.partition("::")[0])) for span in spans) > 20, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_tests_that_are_named_exist(page: Path) -> None:
    for file, name in _TEST.findall(text_of(page)):
        assert re.search(rf"^\s*(?:async )?def {name}\(", text_of(ROOT / file), re.MULTILINE), f"{file}::{name}"


def test_each_threat_has_an_id_of_its_own_and_says_all_it_must() -> None:
    parts = re.split(r"^### ", text_of(ROOT / "docs" / "security.md"), flags=re.MULTILINE)[1:]
    ids = [match[0] for part in parts if (match := re.match(r"T-\d{2,3}", part))]
    assert len(ids) == len(parts) and max(Counter(ids).values()) == 1
    for part in parts:
        for word in ("Asset:", "Attack:", "Guard:", "Test:", "Residual:"):
            assert word in part, f"{part[:4]} {word}"
        shown = part.partition("Test:")[2].partition("Residual:")[0]
        assert _TEST.search(shown) or "No test can" in shown, f"{part[:4]} names no test, and does not say why none can be"


def test_every_setting_is_described_and_nothing_else() -> None:
    operations = text_of(ROOT / "docs" / "operations.md")
    rows = set(re.findall(rf"^\| `({PREFIX}[A-Z0-9_]+)` \|", operations, re.MULTILINE))
    commands = set(_FROM_OUTSIDE.findall(operations))
    assert rows - commands == settings_of_processes()
    assert set(_VARIABLE.findall(operations)) - commands == settings_of_processes()


@pytest.mark.parametrize("variable", ["ADMIN_DATABASE_URL", "BOT_TOKEN", "WHATSAPP_TOKEN"])
def test_the_commands_own_variables_are_read(variable: str) -> None:
    sources = [text_of(path) for path in (ROOT / "src" / "konstruct" / "cli").glob("*.py")]
    assert any(re.search(rf'"(?:{PREFIX})?{variable}"', source) for source in sources)


def test_defaults_of_settings_are_told_truly() -> None:
    operations = text_of(ROOT / "docs" / "operations.md")
    for name, field in Settings.model_fields.items():
        match = re.search(rf"^\| `{PREFIX}{name.upper()}` \|([^|]*)\|", operations, re.MULTILINE)
        assert match
        default = (
            "" if field.default is None else f"`{str(field.default).lower() if field.annotation is bool else field.default}`"
        )
        assert match[1].strip() == default, name


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_variables_that_are_named_exist(page: Path) -> None:
    text = text_of(page)
    assert set(_VARIABLE.findall(text)) - set(_FROM_OUTSIDE.findall(text)) <= settings_of_processes()


def test_every_direct_dependency_is_listed() -> None:
    rows = re.findall(r"^\| `([\w.-]+)` \|", text_of(ROOT / "docs" / "dependencies.md"), re.MULTILINE)
    assert max(Counter(rows).values()) == 1
    assert set(rows) == direct_dependencies()


def test_decisions_are_numbered_dated_and_listed() -> None:
    folder = ROOT / "docs" / "adr"
    pages = sorted(folder.glob("[0-9]*.md"))
    assert [page.name[:4] for page in pages] == [f"{number:04}" for number in range(1, len(pages) + 1)]
    for page in pages:
        text = text_of(page)
        assert text.startswith(f"# {page.name[:4]}: ")
        assert re.search(r"^Date: \d{4}-\d\d-\d\d · Status: (?:Accepted|Superseded by \d{4})$", text, re.MULTILINE)
        assert "## Consequences" in text
        assert page.name in text_of(folder / "README.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_knows_the_machine_it_was_written_on(page: Path) -> None:
    assert re.findall(r"(?<![\w.~])/(?:root|tmp|work|home|Users)/", text_of(page)) == []
