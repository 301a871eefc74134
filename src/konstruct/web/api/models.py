"""What bodies of the API have in common."""

from __future__ import annotations

from typing import Annotated, Any, Generic, TypeVar

from fastapi import Path, Query
from pydantic import BaseModel, ConfigDict, Field

T = TypeVar("T")

ID = "01926b3e-7c4a-7e21-9b52-3f6c0a1d8e47"
"""The id of examples."""
CURSOR = "q1Zq0mYxWzE3NjAwMDAwMDAwMDAwMDAsIjAxOTI2YjNlIl0"


def example(**values: Any) -> ConfigDict:
    """Return the configuration of a model with an example; it may be made from an object's attributes."""
    return ConfigDict(from_attributes=True, json_schema_extra={"examples": [values]})


class Body(BaseModel):
    """What a caller sends: a field that is not known is refused, and so is any that would name a tenant or a role."""

    model_config = ConfigDict(extra="forbid")


class Page(BaseModel, Generic[T]):
    """A page of a list. What is added meanwhile changes nothing about the pages that follow."""

    items: list[T] = Field(description="The page, in the list's order.")
    next_cursor: str | None = Field(
        description="Give it as `cursor` for the next page; null: this is the last one.", examples=[CURSOR]
    )


class Problem(BaseModel):
    """An error (RFC 9457). `errors` names the fields that are wrong, where fields are."""

    model_config = example(
        type="about:blank", title="Nothing here", status=404, detail="There is nothing of yours with that id.", errors=[]
    )

    type: str = Field(description="`about:blank`: the status says what kind of problem it is.")
    title: str = Field(description="What kind of problem it is, in a few words.")
    status: int = Field(description="The status code, once more.")
    detail: str = Field(description="What is wrong with this request, and what helps.")
    errors: list[FieldProblem] = Field(default=[], description="The fields that are wrong (422).")
    reason: str = Field(default="", description="A word for programs, where something is refused for a reason of its own (409).")


class FieldProblem(BaseModel):
    """A field that is wrong."""

    model_config = ConfigDict(
        populate_by_name=True,
        json_schema_extra={"examples": [{"in": "body", "field": "title", "detail": "Field required"}]},
    )

    place: str = Field(alias="in", description="body, query, path or header.")
    field: str = Field(description="Its name, with dots between nested ones.")
    detail: str = Field(description="What is expected there.")


Id = Annotated[str, Path(description="The id.", examples=[ID], json_schema_extra={"format": "uuid"})]
Cursor = Annotated[str | None, Query(max_length=300, description="`next_cursor` of the page before; without it, the first page.")]
Limit = Annotated[int, Query(ge=1, le=100, description="Entries of a page.")]
LIMIT = 20
