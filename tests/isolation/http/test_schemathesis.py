"""Schemathesis over the API, as both businesses: no server error, no answer that its description does not hold, no foreign word.

The cases are the same in every run: Hypothesis is derandomized and keeps no database of examples.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.core.failures import FailureGroup
from schemathesis.core.parameters import ParameterLocation
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.api.table import document, routes
from tests.isolation.http.stock import Stock
from tests.isolation.http.test_routes import TELLTALE
from tests.support.api import Program, open_api
from tests.support.house import House

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
Operation = APIOperation[Any, Any, Any, Any]
EXAMPLES = 5
"""Cases of each operation, of each kind, as each business."""


@dataclass
class Fuzzer:
    """Calls the API with one business's key, and looks at every answer for the other one's marks."""

    program: Program
    own: Stock
    other: Stock
    session: requests.Session = field(default_factory=requests.Session)
    calls: Counter[int] = field(default_factory=Counter)
    own_marks_seen: int = 0
    operations: set[str] = field(default_factory=set)

    def ask(self, case: Case[Any], *, wrong: bool) -> None:
        """Call, and hold the answer to the description."""
        headers = {"Authorization": f"Bearer {self.program.key}"}
        response = case.call(self.program.url, self.session, headers)
        self.calls[response.status_code] += 1
        self.operations.add(case.operation.label)
        checks = [*CHECKS, negative_data_rejection] if wrong else CHECKS
        try:
            case.validate_response(response, checks, headers=headers)
        except FailureGroup as failures:
            raise AssertionError(f"{case.operation.label}: {failures}") from None
        sent = f"{response.request.url}{response.request.body!r}"
        whole = response.text + str(response.headers)
        assert not TELLTALE.search(whole), f"{case.operation.label}: {TELLTALE.search(whole)}"
        self.own_marks_seen += self.own.marks[0] in whole
        told = [mark for mark in (*self.other.marks, *self.other.ids.values()) if mark in whole and mark not in sent]
        assert not told, f"{case.operation.label} tells {told}"

    def fuzz(self, operation: Operation, mode: GenerationMode, ids: dict[str, str], examples: int = EXAMPLES) -> None:
        """Make cases of an operation at random, with these ids in its address."""
        fixed = {name: value for name, value in ids.items() if name in _names(operation)}
        cases = operation.as_strategy(mode, path_parameters=fixed or None)

        @seed(4)
        @settings(
            max_examples=examples, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
        )
        @given(case=cases)
        def each(case: Case[Any]) -> None:
            self.ask(case, wrong=mode is GenerationMode.NEGATIVE)

        try:
            each()
        except Unsatisfiable:
            # Nothing but its address could be wrong.
            assert mode is GenerationMode.NEGATIVE and not operation.query and not operation.body, operation.label

    def cover(self, operation: Operation, ids: dict[str, str]) -> None:
        """Make the cases at the bounds of everything that the operation takes, right and wrong, and with other methods."""
        modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
        config = operation.schema.config.generation_for(operation=operation)
        for case in operation.schema.iter_coverage_cases(operation, generation_modes=modes, generation_config=config):
            path = case.meta.components.get(ParameterLocation.PATH) if case.meta else None
            if path is None or path.mode is GenerationMode.POSITIVE:
                case.path_parameters = {name: value for name, value in ids.items() if name in _names(operation)}
            self.ask(case, wrong=case.meta is not None and case.meta.generation.mode is GenerationMode.NEGATIVE)


def _names(operation: Operation) -> set[str]:
    return {parameter.name for parameter in operation.path_parameters}


async def test_the_api_is_what_its_description_says(still: House, stocks: tuple[Stock, Stock]) -> None:
    # Who is let in without a key, or with another one, is asked in tests/api: here every request carries one.
    config = SchemathesisConfig.from_dict({"generation": {"with-security-parameters": False}})
    schema = schemathesis.openapi.from_dict(document(), config=config)
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    asked: Counter[int] = Counter()
    for own, other in (stocks, stocks[::-1]):
        ids = own.ids | {"version": "1"}
        async with open_api(still, own.scope) as program:
            fuzzer = Fuzzer(program, own, other)

            def every(fuzzer: Fuzzer = fuzzer, ids: dict[str, str] = ids, other: Stock = other) -> None:
                for operation in operations:
                    fuzzer.fuzz(operation, GenerationMode.POSITIVE, ids)
                    fuzzer.fuzz(operation, GenerationMode.NEGATIVE, ids)
                    fuzzer.fuzz(operation, GenerationMode.POSITIVE, other.ids | {"version": "1"}, 2)
                    if other is stocks[1]:
                        fuzzer.cover(operation, ids)

            await asyncio.to_thread(every)
            # The controls: every operation was called, and a mark that is there is seen.
            assert fuzzer.operations == {f"{route.method} {route.path}" for route in routes()}
            assert fuzzer.own_marks_seen >= 20
            asked += fuzzer.calls
    assert asked.total() >= 1000
    assert asked[200] >= 200 and asked[422] >= 200 and asked[404] >= 20, asked
