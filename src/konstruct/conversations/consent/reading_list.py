"""Reads a file of consents: what each line says, or what is wrong with it and what to do."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, tzinfo

from konstruct.conversations.consent.csv_file import read_lines
from konstruct.conversations.consent.evidence import Evidence, EvidenceError, read_evidence
from konstruct.conversations.consent.person_id import PersonIdError, read_person_id
from konstruct.kit.text import storable

NAME_MAX = 200
_CALLED = {"person": "phone", "obtained_at": "obtained at", "expires_at": "expires at"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One person of the file, and what they have consented to."""

    line: int
    person_id: str = field(repr=False)
    name: str | None = field(repr=False)
    evidence: Evidence


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a line, and what to do. The line is left out."""

    line: int
    said: str


@dataclass(frozen=True, slots=True)
class ReadList:
    """What a file says, line by line."""

    entries: list[Entry]
    problems: list[Problem]


def read_list(data: bytes, region: str | None, zone: tzinfo, now: datetime) -> ReadList:
    """Read the file. `region` is the country of numbers without a country code. Raises CsvError if nothing can be read."""
    entries: list[Entry] = []
    problems: list[Problem] = []
    seen: dict[tuple[str, str], int] = {}
    for line in read_lines(data):
        if line.odd:
            problems.append(Problem(line.number, "has more cells than the first line: put texts with commas in quotation marks"))
            continue
        errors: list[str] = []
        person_id, evidence = "", None
        try:
            person_id = read_person_id(storable(line.cells.get("person", "")), region)
        except PersonIdError as error:
            errors.append(f"phone {error}")
        try:
            evidence = read_evidence(line.cells, zone, now)
        except EvidenceError as error:
            errors += [f"{_CALLED.get(name, name)} {said}" for name, said in error.errors.items()]
        name = storable(line.cells.get("name", "")).strip()
        if len(name) > NAME_MAX or name[:1] in ("=", "@"):
            errors.append(f"name is no name: it has at most {NAME_MAX} characters, and begins with no = or @")
        if evidence is not None and not errors:
            before = seen.setdefault((person_id, evidence.purpose), line.number)
            if before == line.number:
                entries.append(Entry(line.number, person_id, name or None, evidence))
                continue
            errors.append(f"this person is in line {before} already, for the same purpose: keep one of the two")
        problems.append(Problem(line.number, "; ".join(errors)))
    return ReadList(entries, problems)
