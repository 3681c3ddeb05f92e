"""Whether the engine kept what it acknowledged, once each: one line when all is well, else every trouble."""

from __future__ import annotations

from collections.abc import Iterator

from rich.text import Text

from perfcli import units
from perfcli.report.figures import BAD, GOOD, counted, name, why_not
from perfcli.results import Integrity, RunResult


def describe_integrity(result: RunResult) -> Text:
    """What was acknowledged against what is stored, with examples of what is not the same."""
    integrity = result.integrity
    if integrity is None:
        return why_not(result, "checked")
    if troubles := list(_troubles(integrity)):
        examples = [Text.assemble("- ", name(example)) for example in integrity.examples]
        return Text("\n").join([*troubles, *examples])
    return _all_is_well(integrity)


def _all_is_well(integrity: Integrity) -> Text:
    if not integrity.acknowledged:
        said = ["no write was acknowledged"]
    else:
        once = "" if integrity.duplicates is None else ", once each"
        said = [f"{counted(integrity.acknowledged, 'write')} acknowledged: all stored{once}"]
    if integrity.lost_updates is not None:
        said.append("every change adds up")
    if integrity.differences is not None:
        said.append("a new process reads what was answered")
    return Text("; ".join(said), GOOD if integrity.acknowledged else "")


def _troubles(integrity: Integrity) -> Iterator[Text]:
    if integrity.damaged:
        yield Text.assemble(("the database is damaged: ", BAD), name(integrity.damaged))
    if integrity.lost:
        of = counted(integrity.acknowledged, "acknowledged write")
        yield Text(f"{units.format_count(integrity.lost)} of {of} lost", BAD)
    for count, noun, plural in (
        (integrity.duplicates, "write stored twice", "writes stored twice"),
        (integrity.lost_updates, "update of a pet lost", "updates of pets lost"),
        (integrity.differences, "field differs in a new process", "fields differ in a new process"),
        (integrity.torn, "torn read", "torn reads"),
    ):
        if count:
            yield Text(counted(count, noun, plural), BAD)
