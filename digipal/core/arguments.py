"""What was wrong with the arguments of a call that failed, by name; and how long a text may be.

Arguments are looked at after a call has failed, never before: stand-ins that answer to the right names keep working,
and a call that goes well costs nothing more.
"""

import functools
import inspect
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from typing import Any, ParamSpec, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from digipal.errors import TextTooLongError

LONGEST_TEXT = 65_536
"""In characters: of a message, a name, an id, and of anything else that is text. A pet loads a hundred of them."""
LONGEST_JSON = 2**20
"""In characters: of a pet's traits, or of its learned commands, as JSON. A pet loads one of each."""

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type)
_PUBLIC_SPECIAL = ("__init__", "__post_init__")


def check_text(name: str, text: object, limit: int = LONGEST_TEXT) -> None:
    """TextTooLongError for a text over the limit; what is no text is not looked at."""
    if isinstance(text, str) and len(text) > limit:
        raise TextTooLongError(f"{name} has {len(text):,} characters; the limit is {limit:,}")


def names_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Have a call that fails for a wrong argument say which: TypeError or ValueError with its name.

    Only an AttributeError, KeyError or RecursionError is looked into, as each is a puzzle to the caller. One that no
    argument explains stays as it is.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except (AttributeError, KeyError, RecursionError) as error:
            if (problem := _problem(function, args, kwargs, error)) is not None:
                raise problem from error
            raise

    return call


def all_name_arguments(cls: C) -> C:
    """`names_arguments` for each public method of a class."""
    for name, member in list(vars(cls).items()):
        if name.startswith("_") and name not in _PUBLIC_SPECIAL:
            continue
        if name == "__init__" and is_dataclass(cls):
            continue  # it only keeps what it is given
        if isinstance(member, (staticmethod, classmethod)):
            setattr(cls, name, type(member)(names_arguments(member.__func__)))
        elif inspect.isfunction(member) and not inspect.iscoroutinefunction(member):
            setattr(cls, name, names_arguments(member))
    return cls


def _problem(
    function: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any], error: Exception
) -> TypeError | ValueError | None:
    try:
        given = dict(inspect.signature(function).bind(*args, **kwargs).arguments)
    except TypeError:
        return None
    hints = _hints(function)
    for name, value in given.items():
        if name in hints and not _fits(value, hints[name]):
            return TypeError(f"{name} must be {_words(hints[name])}, not {_shown(value)}")
    for name, value in given.items():
        for field, kind, part in _parts(value):
            if not _fits(part, kind):
                label = field if name == "self" else f"{name}.{field}"
                return TypeError(f"{label} must be {_words(kind)}, not {_shown(part)}")
    return _problem_inside(given, error)


def _problem_inside(given: Mapping[str, Any], error: Exception) -> ValueError | None:
    """What is wrong within a container of the right kind."""
    for name, value in given.items():
        if name == "self" or not isinstance(value, (dict, list, tuple, set)):
            continue
        if isinstance(error, RecursionError):
            return ValueError(f"{name} is nested too deeply, or holds itself")
        if isinstance(error, KeyError) and isinstance(value, dict) and error.args and error.args[0] not in value:
            return ValueError(f"{name} lacks {error.args[0]!r:.60}")
        if isinstance(error, AttributeError):
            return ValueError(f"{name} holds a value of a wrong type: {error}")
    return None


def _hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The types of the parameters, those too that only type checkers import; none if there are others."""
    named = {
        name: kind
        for module, contents in list(sys.modules.items())
        if module.startswith("digipal.")
        for name, kind in list(vars(contents).items())
        if isinstance(kind, type)
    }
    try:
        return get_type_hints(function, localns=named)
    except NameError:
        return {}


def _parts(value: Any) -> Iterator[tuple[str, Any, Any]]:
    """(name, type, value) of the fields of one of the engine's own values."""
    if is_dataclass(value) and not isinstance(value, type) and type(value).__module__.startswith("digipal."):
        hints = _hints(cast(Callable[..., Any], type(value)))
        for field in fields(value):
            if field.name in hints and hasattr(value, field.name):
                yield field.name, hints[field.name], getattr(value, field.name)


def _fits(value: Any, kind: Any) -> bool:
    """Whether a value is of a type, what it holds included; True for a type that says nothing."""
    origin = get_origin(kind)
    if origin in (Union, types.UnionType):
        return any(_fits(value, option) for option in get_args(kind))
    if kind is None or kind is type(None):
        return value is None
    if kind is float:
        return isinstance(value, (int, float))
    if origin is None:
        return not isinstance(kind, type) or isinstance(value, kind)
    if not isinstance(origin, type):
        return True
    if not isinstance(value, origin):
        return False
    return _holds(value, get_args(kind))


def _holds(value: Any, kinds: tuple[Any, ...]) -> bool:
    if isinstance(value, dict) and len(kinds) == 2:
        return all(_fits(key, kinds[0]) and _fits(part, kinds[1]) for key, part in value.items())
    if isinstance(value, str) and kinds:
        return kinds[0] in (str, Any)  # text is a sequence, of text
    if isinstance(value, (list, set)) and len(kinds) == 1:
        return all(_fits(part, kinds[0]) for part in value)
    return True


def _words(kind: Any) -> str:
    options = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    return " or ".join(_word(option) for option in options)


def _word(kind: Any) -> str:
    if kind is type(None):
        return "None"
    return getattr(kind, "__name__", str(kind)) if get_origin(kind) is None else str(kind).replace("typing.", "")


def _shown(value: Any) -> str:
    try:
        return f"{value!r:.60}"
    except Exception:  # whatever a __repr__ raises, and a number of more digits than Python prints
        return type(value).__name__
