"""Choosing a template and filling it in, as a form that works without a script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qsl
from uuid import UUID

from konstruct.channels.outreach.words import sentence
from konstruct.channels.templates import filling, templates_repository
from konstruct.channels.templates.template import Place, Template
from konstruct.conversations.template_use import TemplateUse
from konstruct.db.session import TenantSession
from konstruct.kit.errors import NotFoundError
from konstruct.kit.ids import parse_id, uuid7
from konstruct.web.portal.outreach.words import language_name

MARK = "p."
"""How the names of the fields begin that fill a template in."""


@dataclass(frozen=True, slots=True)
class Filled:
    """What a form was sent with: nothing where it is shown for the first time."""

    template_id: UUID | None = None
    values: Mapping[str, str] = field(default_factory=dict, repr=False)
    problems: Mapping[str, str] = field(default_factory=dict)
    """Words of `filling` by the places' keys; "" for the whole."""
    error: str = ""
    """A sentence."""
    token: UUID | None = None
    status: int = 200
    """What the form is answered with."""

    @classmethod
    def of(cls, form: Mapping[str, str]) -> Filled:
        """Return what a form holds. Raises NotFoundError if it names no template that could be."""
        values = {name.removeprefix(MARK): value for name, value in form.items() if name.startswith(MARK)}
        return cls(parse_id(form.get("template", "")), values)


@dataclass(frozen=True, slots=True)
class Line:
    """A place to fill in, as a field."""

    place: Place
    value: str
    error: str

    @property
    def name(self) -> str:
        """The field's name."""
        return MARK + self.place.key

    @property
    def label(self) -> str:
        """What stands above the field."""
        if self.place.piece == "button":
            return f"End of the address behind the button “{self.place.name}”"
        word = self.place.name.replace("_", " ")
        if not word.isdigit():
            return word[:1].upper() + word[1:]
        return f"{'Headline' if self.place.piece == 'header' else 'Text'}, place {word}"

    @property
    def hint(self) -> str:
        """What the business gave as an example."""
        return f"Such as: {self.place.example}" if self.place.example else ""


@dataclass(frozen=True, slots=True)
class Picker:
    """The form: a choice of templates and, once one is chosen, its places and how the message will read."""

    choose: str
    """The address that shows the form for a chosen template, whole."""
    choose_part: str
    """Likewise, the form alone."""
    send: str
    """The address that sends it."""
    target: str
    """The element that the form stands in."""
    options: tuple[tuple[str, str], ...]
    chosen: Template | None
    filled: Filled
    token: UUID
    others: int
    """How many templates there are that cannot be sent."""
    field_max: ClassVar[int] = 2000

    @property
    def lines(self) -> list[Line]:
        """The places of the chosen template."""
        places = self.chosen.places if self.chosen else ()
        return [Line(each, self.filled.values.get(each.key, ""), self._said(each.key)) for each in places]

    @property
    def error(self) -> str:
        """What is wrong with the whole; empty if nothing is, or only single fields are."""
        return self.filled.error or self._said("")

    @property
    def preview(self) -> Mapping[str, Any]:
        """How the message will read, piece by piece."""
        assert self.chosen is not None
        return filling.pieces(self.chosen, filling.use_of(self.chosen, self.filled.values))

    @property
    def kept(self) -> list[tuple[str, str]]:
        """What the address already holds: a form that asks by GET would drop it."""
        return parse_qsl(self.choose.partition("?")[2])

    def _said(self, key: str) -> str:
        word = self.filled.problems.get(key, "")
        return sentence(word) if word else ""


async def read_picker(
    session: TenantSession, account_id: UUID, filled: Filled, *, choose: str, choose_part: str, send: str, target: str
) -> Picker:
    """Return the form for an account's templates. Raises NotFoundError for a template that is not among them."""
    listed = await templates_repository.of_account(session, account_id)
    ready = [each for each in listed if each.approved and each.usable]
    chosen = _chosen(listed, ready, filled)
    return Picker(
        choose=choose,
        choose_part=choose_part,
        send=send,
        target=target,
        options=_options(ready),
        chosen=chosen,
        filled=filled,
        token=filled.token or uuid7(),
        others=len(listed) - len(ready),
    )


async def use_in(session: TenantSession, account_id: UUID, filled: Filled) -> tuple[TemplateUse, dict[str, str]]:
    """Return the template filled in, and what is wrong with it. Raises NotFoundError for a template that is not the account's."""
    template = None if filled.template_id is None else await templates_repository.get(session, account_id, filled.template_id)
    if template is None:
        raise NotFoundError("there is no such template")
    use = filling.use_of(template, filled.values)
    return use, filling.problems(template, use)


def _chosen(listed: Sequence[Template], ready: Sequence[Template], filled: Filled) -> Template | None:
    if filled.template_id is None:
        return ready[0] if len(ready) == 1 else None
    found = next((each for each in listed if each.id == filled.template_id), None)
    if found is None:
        raise NotFoundError("there is no such template")
    return found


def _options(ready: Sequence[Template]) -> tuple[tuple[str, str], ...]:
    return tuple((str(each.id), f"{each.name.replace('_', ' ')} · {language_name(each.language)}") for each in ready)
