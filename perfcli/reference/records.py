"""The fields of JSON files as tables, made from the JSON Schema of their models."""

from __future__ import annotations

import re
from typing import Any, Final

from pydantic import TypeAdapter

from perfcli.report.markdown_tables import table

Schema = dict[str, Any]

_IN_DOCS: Final = re.compile(r"\bdocs/([\w-]+\.md)(#[\w-]+)?")


def schemas(*kinds: type[Any]) -> dict[str, Schema]:
    """The JSON Schema of documents and of every record in them, by their names."""
    found: dict[str, Schema] = {}
    for kind in kinds:
        schema = TypeAdapter(kind).json_schema()
        found |= {kind.__name__: schema} | schema.get("$defs", {})
    return found


class RecordTables:
    """Tables of the records of some documents, each with links to the records within it."""

    def __init__(self, *kinds: type[Any], known: type[Any] | None = None, known_in: str = "") -> None:
        """Take documents.

        Args:
            kinds: their models.
            known: a document whose records have their tables elsewhere.
            known_in: the page of those.
        """
        self._elsewhere = schemas(known) if known else {}
        self._known_in = known_in
        self._every = self._elsewhere | schemas(*kinds)

    def __str__(self) -> str:
        """A section for each record."""
        sections = (
            f"## {name}\n\n{_plain(record.get('description', ''))}\n\n{self._fields(record)}"
            for name, record in self._every.items()
            if "properties" in record and name not in self._elsewhere
        )
        return "\n".join(sections)

    def _fields(self, record: Schema) -> str:
        rows = (
            (f"`{name}`", self._type(field), _plain(field.get("description", "")))
            for name, field in record["properties"].items()
        )
        return table(("field", "type", "meaning"), rows)

    def _type(self, field: Schema) -> str:
        """The JSON type of a field; of a text that is one of a few, these."""
        match field:
            case {"$ref": str(path)}:
                name = path.rpartition("/")[2]
                if "properties" not in self._every[name]:
                    return self._type(self._every[name])
                return f"[{name}]({self._known_in if name in self._elsewhere else ''}#{name.lower()})"
            case {"anyOf": choices}:
                return " or ".join(map(self._type, choices))
            case {"const": value}:
                return f"`{value}`"
            case {"enum": values}:
                return ", ".join(f"`{value}`" for value in values)
            case {"type": "array", "items": items}:
                return f"array of {self._type(items)}"
            case {"type": "object", "additionalProperties": dict(values)}:
                return f"object of {self._type(values)}"
            case _:
                return str(field["type"])


def _plain(text: str) -> str:
    """On one line, with links in the place of docs/FILE.md#section, for a page in docs/reference/."""
    return _IN_DOCS.sub(lambda found: f"[{found[1]}](../{found[1]}{found[2] or ''})", " ".join(text.split()))
