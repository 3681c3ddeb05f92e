"""`--sweep KEY=VALUE,VALUE,…`: the values, and every scenario with each combination of them, checked before it runs."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from pathlib import Path
from typing import TYPE_CHECKING, Final

from perfcli.errors import UsageError
from perfcli.results import value_text, variation_text
from perfcli.scenario.loader import load_scenarios
from perfcli.scenario.overrides import Override, key_and_value, plain_value
from perfcli.scenario.problems import Problem, ScenarioFileError, legible

if TYPE_CHECKING:
    from perfcli.results import Variation
    from perfcli.scenario.models import Scenario

MOST_VARIATIONS: Final = 200
"""Of one scenario: each is a run of a second or more."""

_HINT: Final = "write --sweep key=value,value, e.g. --sweep load.vus=1,2,4"
_SAME_RUN: Final = frozenset({"name", "description", "tags", "extends"})
"""Keys that change no run, or are read before the options."""

_RANGE: Final = re.compile(r"\s*(\d+)\s*(?:-|:|\.\.+)\s*(\d+)\s*", re.ASCII)
_OPENING: Final = {"[": "]", "{": "}"}


@dataclass(frozen=True)
class Sweep:
    """A key with the values to run it with."""

    overrides: tuple[Override, ...]
    values: tuple[str | int | float | bool, ...]
    """As results hold them: plain data, and what is no single value as it was typed."""

    @property
    def path(self) -> tuple[str, ...]:
        """The key's parts."""
        return self.overrides[0].path

    @property
    def key(self) -> str:
        """The key as messages and results name it."""
        return ".".join(self.path)

    @property
    def origin(self) -> str:
        """The option as it was typed."""
        return self.overrides[0].origin


@dataclass(frozen=True)
class _Combination:
    """One value of each sweep."""

    variation: Variation
    overrides: tuple[Override, ...]


def parse_sweep(text: str) -> Sweep:
    """What `--sweep key.sub=value,value` asks for; each value is YAML, as that of --set.

    A comma within quotes, brackets or braces belongs to its value.

    Raises:
        UsageError: there is no key, a value is missing, is there twice or is not YAML, or the key changes no run.
    """
    origin = f"--sweep {legible(text)}"
    path, written = key_and_value(text, origin, _HINT)
    if path[0] in _SAME_RUN:
        raise UsageError(f"{origin}: {path[0]} has no effect on what is measured: sweep another key")
    if limits := _RANGE.fullmatch(written):
        raise UsageError(f"{origin}: a range is not a list: write --sweep {'.'.join(path)}={limits[1]},…,{limits[2]}")
    texts = list(split_values(written))
    values: list[str | int | float | bool] = []
    overrides = []
    for number, each in enumerate(texts, start=1):
        if not each:
            raise UsageError(
                f"{origin}: value {number} of {len(texts)} is empty",
                hint="write '' for an empty text, and no blank after a comma",
            )
        plain = plain_value(each, origin)
        value = plain if isinstance(plain, (str, int, float)) and _is_finite(plain) else each
        if value_text(value) in map(value_text, values):
            raise UsageError(f"{origin}: {legible(value_text(value))} is listed twice", hint="list each value once")
        values.append(value)
        overrides.append(Override(path, plain, origin, swept=True))
    return Sweep(tuple(overrides), tuple(values))


def _is_finite(value: object) -> bool:
    # JSON has no other numbers
    return not isinstance(value, float) or math.isfinite(value)


def split_values(text: str) -> Iterator[str]:
    """The parts between commas, without blanks around them; commas in quotes, brackets and braces divide nothing."""
    closing: list[str] = []
    quote, begin, is_start = "", 0, True
    escaped = False
    for index, char in enumerate(text):
        if quote:
            escaped, ends = quote == '"' and char == "\\" and not escaped, char == quote and not escaped
            # in single quotes, a quote is written twice: the second one opens again
            quote, is_start = ("", char == "'") if ends else (quote, False)
            continue
        if char in "'\"" and is_start:
            quote = char
        elif char in _OPENING and (is_start or closing):
            closing.append(_OPENING[char])
        elif closing and char == closing[-1]:
            closing.pop()
        elif char == "," and not closing:
            yield text[begin:index].strip()
            begin = index + 1
        # YAML takes a quote or a bracket within a word for a part of the word
        is_start = char in ",[{:" or (is_start and char.isspace()) or (bool(closing) and char.isspace())
    yield text[begin:].strip()


def check_sweeps(sweeps: Sequence[Sweep], others: Sequence[Override]) -> None:
    """See that no key is set in two ways, and that the variations are not too many.

    Args:
        others: what other options change; they are applied first.

    Raises:
        UsageError: a key is, or there are.
    """
    for one, other in combinations(sweeps, 2):
        if one.path == other.path:
            raise UsageError(f"--sweep {one.key} is given twice", hint=f"list all values in one: --sweep {one.key}=…")
        if _overlap(one.path, other.path):
            raise UsageError(f"--sweep {one.key} and --sweep {other.key} change the same key: choose one of them")
    for sweep in sweeps:
        for override in others:
            if _undoes(sweep, override):
                option = override.origin.partition("=")[0]
                raise UsageError(f"{option} and --sweep {sweep.key} change the same key: drop {option}")
    count = math.prod(len(sweep.values) for sweep in sweeps)
    if count > MOST_VARIATIONS:
        factors = " × ".join(str(len(sweep.values)) for sweep in sweeps)
        product_ = f"{factors} = {count:,}" if len(sweeps) > 1 else f"{count:,}"
        raise UsageError(f"--sweep: {product_} variations, at most {MOST_VARIATIONS}: drop some values")


def _undoes(sweep: Sweep, other: Override) -> bool:
    """Whether the sweep replaces what another option sets; a --set of the section around its key stays."""
    path = sweep.path[2:] if other.every_phase and sweep.path[0] == "phases" else sweep.path
    is_around = not other.every_phase and len(other.path) < len(path)
    return _overlap(path, other.path) and not is_around


def _overlap(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    shared = min(len(one), len(other))
    return shared > 0 and one[:shared] == other[:shared]


def load_variations(
    paths: Sequence[Path], overrides: Sequence[Override], sweeps: Sequence[Sweep], *, tags: Collection[str] = ()
) -> list[tuple[Scenario, Variation]]:
    """Every scenario with each combination of values: scenario by scenario, the values of the last sweep change first.

    Raises:
        ScenarioFileError: with every mistake of every file; one that only some values make names them.
        UsageError: no scenario has any of the tags.
    """
    combined = list(_combinations(sweeps))
    loaded: list[list[Scenario]] = []
    problems: dict[Problem, list[int]] = {}
    for number, each in enumerate(combined):
        try:
            loaded.append(load_scenarios(paths, [*overrides, *each.overrides], tags=tags))
        except ScenarioFileError as error:
            for problem in error.problems:
                problems.setdefault(problem, []).append(number)
    if problems:
        raise ScenarioFileError(_named(problem, numbers, combined) for problem, numbers in problems.items())
    of_scenarios = zip(*loaded, strict=True)
    return [
        (scenario, each.variation) for of_one in of_scenarios for scenario, each in zip(of_one, combined, strict=True)
    ]


def _combinations(sweeps: Sequence[Sweep]) -> Iterator[_Combination]:
    for chosen in product(*(zip(sweep.overrides, sweep.values, strict=True) for sweep in sweeps)):
        variation = {sweep.key: value for sweep, (_, value) in zip(sweeps, chosen, strict=True)}
        yield _Combination(variation, tuple(override for override, _ in chosen))


def _named(problem: Problem, numbers: Sequence[int], combined: Sequence[_Combination]) -> Problem:
    """The problem with the variations that have it, if not all do: the one value they share, else the first of them."""
    if len(numbers) == len(combined):
        return problem
    having = [combined[number].variation for number in numbers]
    for key, value in having[0].items():
        of_value = [each for each in combined if _holds(each.variation, key, value)]
        if len(of_value) == len(having) and all(_holds(each, key, value) for each in having):
            return replace(problem, message=f"{problem.message} (with {variation_text({key: value})})")
    more = f" and {len(having) - 1} more" if len(having) > 1 else ""
    return replace(problem, message=f"{problem.message} (with {variation_text(having[0])}{more})")


def _holds(variation: Mapping[str, object], key: str, value: object) -> bool:
    return value_text(variation[key]) == value_text(value)
