"""A union of models that a key tells apart, of which only those that a file uses are built.

pydantic builds every model of its own unions, which takes longer than to check a file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Annotated, Any, Union

from pydantic import BaseModel, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, TypeAdapter, ValidationInfo
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, SchemaValidator, core_schema


class OneOf:
    """Reads a section by the model that its key names; its mistakes and its JSON Schema are those of pydantic's union.

    Args:
        key: holds a model's name.
        models: the models there are by the time a section is read, by name.
    """

    def __init__(self, key: str, models: Callable[[], Mapping[str, type[BaseModel]]]) -> None:
        self._key = key
        self._models = models

    @property
    def models(self) -> Iterable[type[BaseModel]]:
        """Those that may read a section."""
        return self._models().values()

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.with_info_plain_validator_function(self._validated)

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        union: Any = Union[tuple(self.models)]  # noqa: UP007 - they are not known before
        whole: Any = TypeAdapter(Annotated[union, Field(discriminator=self._key)])
        return handler(whole.core_schema)

    def _validated(self, value: Any, info: ValidationInfo) -> Any:
        models = self._models()
        name = value.get(self._key) if isinstance(value, dict) else getattr(value, self._key, None)
        model = models.get(name) if isinstance(name, str) else None
        chosen = ((name, model),) if model else tuple(models.items())
        return _union(self._key, chosen).validate_python(value, context=info.context)


@lru_cache(maxsize=64)
def _union(key: str, models: tuple[tuple[str, type[BaseModel]], ...]) -> SchemaValidator:
    for _, model in models:
        model.model_rebuild()
    choices = {name: model.__pydantic_core_schema__ for name, model in models}
    return SchemaValidator(core_schema.tagged_union_schema(choices, key, from_attributes=True))
