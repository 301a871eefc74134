"""Reads the forms that carry files or long texts, within bounds that are checked before the body is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import Request
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException

from konstruct.kit.text import storable
from konstruct.memory.extraction.limits import MAX_DOCUMENT_CHARS, MAX_FILE_BYTES
from konstruct.web.portal.forms import FormError

MAX_FILES = 20
MAX_BODY_BYTES = 5 * MAX_FILE_BYTES
_MAX_FIELDS = 10
_MAX_FIELD_BYTES = 4 * MAX_DOCUMENT_CHARS + 1024


class TooLargeError(FormError):
    """The form is larger than is read at once."""


@asynccontextmanager
async def multipart(request: Request, *, max_bytes: int = MAX_BODY_BYTES, max_files: int = MAX_FILES) -> AsyncIterator[FormData]:
    """Read the form; its files are on the disk beyond their first megabyte, and gone at the end.

    Raises TooLargeError without reading, FormError for what is no such form.
    """
    length = request.headers.get("content-length", "")
    # Every browser says how much comes. Without that, only reading would tell.
    if not length.isdigit():
        raise FormError("the browser does not say how large the upload is")
    if int(length) > max_bytes:
        smaller = "Upload the files in smaller groups." if max_files > 1 else "Split the file."
        raise TooLargeError(f"At most {max_bytes // 1024 // 1024} MB go up at once. {smaller}")
    try:
        form = await request.form(max_files=max_files, max_fields=_MAX_FIELDS, max_part_size=_MAX_FIELD_BYTES)
    except HTTPException as error:
        if "Too many files" in str(error.detail):
            raise FormError(f"at most {max_files} files go up at once: upload them in smaller groups") from None
        raise FormError("the form cannot be read: go back, and try again") from None
    try:
        yield form
    finally:
        await form.close()


def files_of(form: FormData) -> list[UploadFile]:
    """Return the files of a form; an empty choice is none."""
    return [part for part in form.getlist("files") if isinstance(part, UploadFile) and (part.filename or part.size)]


def text_of(form: FormData, name: str) -> str:
    """Return a field of a form as text that can be stored."""
    value = form.get(name)
    return storable(value).replace("\r\n", "\n") if isinstance(value, str) else ""
