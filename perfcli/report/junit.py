"""JUnit XML, as CI systems show it: a suite for each result, a case for each threshold.

There is no standard. What is written is valid against the schema of Jenkins' xUnit plugin and against that of Apache
Ant's JUnit task, which is why each suite has a host name (always `localhost`), a package and both outputs.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Final
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from perfcli.ab.result import AbResult
from perfcli.report.cases import Case, cases_of
from perfcli.report.console import as_text, to_console
from perfcli.report.saved import Reported, document_of
from perfcli.report.wording import engine_of, engine_words, one_line
from perfcli.units import NS_PER_S

_PACKAGE: Final = "digipal-perf"
_ILLEGAL: Final = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 cannot hold, not even escaped (section 2.2 of its specification)."""


def render_junit(results: Sequence[Reported]) -> str:
    """A document of all results, in XML 1.0."""
    suites = Element("testsuites")
    for number, result in enumerate(results):
        suites.append(_suite(number, result))
    indent(suites)
    stream = io.BytesIO()
    ElementTree(suites).write(stream, encoding="utf-8", xml_declaration=True)
    return stream.getvalue().decode("utf-8") + "\n"


def _suite(number: int, result: Reported) -> Element:
    cases = cases_of(result)
    suite = Element("testsuite", _attributes(number, result, cases))
    properties = SubElement(suite, "properties")
    for name, written in _properties(result).items():
        SubElement(properties, "property", name=name, value=_clean(one_line(written)))
    for case in cases:
        suite.append(_case(case, f"{_PACKAGE}.{_scenario(result)}"))
    SubElement(suite, "system-out").text = _clean(_printed(result))
    SubElement(suite, "system-err").text = _clean("" if isinstance(result, AbResult) else result.details)
    return suite


def _attributes(number: int, result: Reported, cases: Sequence[Case]) -> dict[str, str]:
    outcomes = [case.outcome for case in cases]
    return {
        "name": _clean(one_line(_scenario(result))),
        "package": _PACKAGE,
        "id": str(number),
        "hostname": "localhost",
        "timestamp": _timestamp(result.started_at),
        "tests": str(len(cases)),
        "failures": str(outcomes.count("failure")),
        "errors": str(outcomes.count("error")),
        "skipped": str(outcomes.count("skipped")),
        "time": _seconds(result.duration_ns or 0),
    }


def _case(case: Case, class_name: str) -> Element:
    element = Element(
        "testcase",
        {
            "name": _clean(one_line(case.name)),
            "classname": _clean(one_line(class_name)),
            "time": _seconds(case.duration_ns),
        },
    )
    if case.outcome != "pass":
        message = _clean(one_line(case.message))
        kind = {} if case.outcome == "skipped" else {"type": case.kind}
        SubElement(element, case.outcome, {"message": message, **kind}).text = _clean(case.text) or None
    return element


def _properties(result: Reported) -> Mapping[str, str]:
    told = {"plan": result.plan, "seed": str(result.seed), "tool_version": result.environment.tool_version}
    if isinstance(result, AbResult):
        engines = {
            who: engine_words(side.name, side.version, side.commit, modified=side.modified)
            for who, side in (("base", result.base), ("candidate", result.candidate))
        }
        return {**told, **engines, "change": result.change.value}
    of_run = {"verdict": result.verdict.value, "engine_version": result.environment.engine_version}
    of_run |= {"tries": str(len(result.earlier_tries) + 1)} if result.earlier_tries else {}
    engine = {"engine": engine_of(result), "commit": result.commit}
    return {**told, **of_run, **{key: value for key, value in engine.items() if value}}


def _scenario(result: Reported) -> str:
    return result.scenario if isinstance(result, AbResult) else result.name


def _printed(result: Reported) -> str:
    """The report as the console shows it."""
    return as_text(to_console(document_of(result)))


def _timestamp(started_at: str) -> str:
    """In UTC and without an offset, as both schemas have it."""
    began = datetime.fromisoformat(started_at)
    return (began.astimezone(UTC) if began.tzinfo else began).strftime("%Y-%m-%dT%H:%M:%S")


def _seconds(duration_ns: int) -> str:
    return f"{duration_ns / NS_PER_S:.6f}"


def _clean(text: str) -> str:
    return _ILLEGAL.sub("", text)
