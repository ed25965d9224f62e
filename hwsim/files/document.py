"""The files that the product writes and reads again: typed, numbered by schema, refused by number when too new."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hwsim.errors import InputError, shown
from hwsim.files.reading import read_json
from hwsim.files.schema_errors import first_error
from hwsim.files.writing import write_text

D = TypeVar("D", bound="Document")


class Document(BaseModel):
    """A JSON file with a schema number: frozen, unknown fields refused, NaN and infinity never written.

    A subclass names what it is (`KIND`, for errors) and its newest schema (`SCHEMA`); where it still reads older ones
    it lowers `OLDEST` and turns their content into today's in `upgraded`. A file without a schema number is of the
    oldest schema where such files were ever written or are written by hand (`UNNUMBERED`), and refused otherwise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, allow_inf_nan=False)

    KIND: ClassVar[str] = "a file of tilejoule"
    SCHEMA: ClassVar[int] = 1
    OLDEST: ClassVar[int] = 1
    UNNUMBERED: ClassVar[bool] = False

    schema_number: int = Field(default=0, alias="schema", description="schema of this file", validate_default=False)

    def model_post_init(self, context: Any) -> None:
        """Give a document made in memory the newest schema number."""
        object.__setattr__(self, "schema_number", self.SCHEMA)

    def as_json(self) -> dict[str, Any]:
        """Return the content of the file as plain values, `schema` first."""
        return self.model_dump(mode="json", by_alias=True)

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the text of the file; with a path, also write it there, whole or not at all."""
        text = json.dumps(self.as_json(), indent=2, allow_nan=False) + "\n"
        if path is not None:
            write_text(Path(path), text)
        return text

    @classmethod
    def upgraded(cls, content: dict[str, Any], schema: int) -> dict[str, Any]:
        """Return the content of an older schema as today's."""
        return content

    @classmethod
    def read(cls: type[D], path: Path) -> D:
        """Read a file; raises InputError where it is no such document or of a schema that this version cannot read."""
        return cls.parse(read_json(path, cls.KIND), f"'{path}'")

    @classmethod
    def parse(cls: type[D], content: Any, source: str) -> D:
        """Build the document from JSON content; `source` names it in errors."""
        if not isinstance(content, dict):
            raise InputError(f"{source} is not {cls.KIND}")
        if "schema" not in content and not cls.UNNUMBERED:
            raise InputError(f"{source} is not {cls.KIND}: field 'schema' is missing")
        schema = content.get("schema", cls.OLDEST)
        if type(schema) is not int or not cls.OLDEST <= schema <= cls.SCHEMA:
            known = f"schema {cls.SCHEMA}" if cls.OLDEST == cls.SCHEMA else f"schemas {cls.OLDEST} to {cls.SCHEMA}"
            raise InputError(
                f"{source} has schema {shown(schema)}, this version reads {known} of {cls.KIND}; use the version of"
                " tilejoule that wrote it, or write it again"
            )
        if schema < cls.SCHEMA:
            content = cls._upgraded(content, schema, source)
        try:
            return cls.model_validate({**content, "schema": cls.SCHEMA})
        except ValidationError as error:
            raise InputError(f"{source} is not {cls.KIND}: {first_error(error, cls)}") from None

    @classmethod
    def _upgraded(cls, content: dict[str, Any], schema: int, source: str) -> dict[str, Any]:
        try:
            return cls.upgraded(content, schema)
        except (TypeError, ValueError, LookupError, AttributeError):  # nonsense where a field was taken apart
            raise InputError(f"{source} is not {cls.KIND}: its content is not that of schema {schema}") from None
