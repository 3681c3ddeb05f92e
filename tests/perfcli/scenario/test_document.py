"""YAML: broken syntax in plain words, anchors within bounds, and values that mean what was written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from perfcli.scenario.document import read_document
from perfcli.scenario.loader import ScenarioFileError

Mistakes = Callable[..., list[str]]


def read(text: str) -> Any:
    root, problems = read_document(text, "s.yaml")
    assert problems == []
    return root.plain()


def refusal(text: str) -> str:
    with pytest.raises(ScenarioFileError) as caught:
        read_document(text, "s.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a:\n\tb: 1", "2:1: a tab cannot indent YAML: use spaces"),
        ("a: @b", "1:4: text cannot start with this character: put it in quotes"),
        ("a: b: c", "1:5: a ':' where no key can be: check the indentation, or put the text in quotes"),
        ("a: 1\nb", "2:2: a key without a ':': write key: value"),
        ("a: - b", "1:4: a '-' where no list can be: start the list on a line of its own"),
        (
            "a:\n  - b\n c: 1",
            "3:2: the indentation does not fit the lines above: align it with the lines it belongs to",
        ),
        ("a: *b", "1:4: no anchor above has this name: define it with &, or put the text in quotes"),
        ("a: &x 1\nb: &x 2", "2:4: this anchor has been defined above: give it another name"),
        ('a: "\\q"', "1:6: unknown escape: use single quotes, in which a backslash stands for itself"),
        ('a: "\\u12"', "1:7: incomplete escape: use single quotes, in which a backslash stands for itself"),
        ("a: 'b\nc: d\n", "1:4: this quote is never closed: close it"),
        ("a: [b, c\nd: e\n", "1:4: this '[' is never closed, or a ',' is missing in it: add it"),
        ("a: {b: c\nd: e\n", "1:4: this '{' is never closed, or a ',' is missing in it: add it"),
        ("a:\n  - b\n  -c\nd: 1", "3:3: an item of a list needs a space after its '-'"),
        ("a: 1\nb:3\nc: d", "2:2: a key needs a space after its ':'"),
        ("a:{b: c, d: e}", "1:2: a key needs a space after its ':'"),
        ("a:\n\u00a0\u00a0b: c\n  d: e", "2:1: the character U+00A0 cannot indent YAML: use spaces"),
        ("a: {b: ${C}, d: e}", '1:8: write "${C}": inside {…} or […], YAML needs quotes around a variable'),
        ("a: [b, ${C:-1}, d]", '1:8: write "${C:-1}": inside {…} or […], YAML needs quotes around a variable'),
        ("a: {b: '${C}', d\ne: f\n", "1:4: this '{' is never closed, or a ',' is missing in it: add it"),
        ("a: &", "1:5: a name must follow & or *: put the text in quotes if it is text"),
        ("%a: 1", "1:1: a line that starts with % is not a key or value: put the text in quotes"),
        ("[a]\nb: 1", "2:1: this does not fit the lines above: check the indentation and the quotes"),
        ("a: 'x\n---\nb'", "2:1: a quote is opened above and never closed: close it"),
        ("a: 1\nb: \x07", "2:4: the character U+0007 is not allowed in YAML: remove it"),
        ('a: "\\UFFFFFFFF"', "1:7: not YAML: a number is out of range"),
        ("a: 1\n---\nb: 2", "2:1: a file holds one scenario: move this to a file of its own"),
    ],
)
def test_broken_yaml_is_told_in_plain_words(text: str, message: str) -> None:
    assert refusal(text) == f"s.yaml:{message}"


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("5", 5),
        ("-3", -3),
        ("1_000", 1000),
        ("1.5", 1.5),
        ("1.5e+3", 1500.0),
        ("true", True),
        ("False", False),
        ("~", None),
        ("", None),
        ('"5"', "5"),
        ("50ms", "50ms"),
        ("yes", "yes"),
        ("off", "off"),
        ("1:30", "1:30"),
        ("010", "010"),
        ("0x1F", "0x1F"),
        ("2024-01-01", "2024-01-01"),
        (".inf", ".inf"),
        ("9" * 5_000, "9" * 5_000),
        ("!!str 5", "5"),
        ("=", "="),
    ],
)
def test_only_plain_numbers_truth_and_nothing_are_not_text(written: str, value: object) -> None:
    found = read(f"a: {written}")["a"]
    assert (found, type(found)) == (value, type(value))


def test_places_count_from_one_for_keys_and_values() -> None:
    root, _ = read_document("a:\n  - b:   7\n", "s.yaml")
    found = root.find("a", 0, "b")
    assert found is not None
    assert (found.key_location.line, found.key_location.column) == (2, 5)
    assert (found.location.line, found.location.column) == (2, 10)


def test_anchors_aliases_and_merges_expand() -> None:
    text = "base: &base {x: 1, y: 2}\none: {<<: *base, y: 3}\ntwo: {<<: [{z: 4}, *base]}\nthree: [*base, *base]"
    base = {"x": 1, "y": 2}
    assert read(text) == {
        "base": base,
        "one": {"y": 3, "x": 1},
        "two": {"z": 4, "x": 1, "y": 2},
        "three": [base, base],
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: {b: 1, b: 2}", "1:11: a.b: written twice, first on line 1"),
        ("a: {5: 1}", "1:5: a: a key must be text, not '5'"),
        ("a: {[x]: 1}", "1:5: a: a key must be text, not a list or section"),
        (
            "a: !!python/object:os.open x",
            "1:4: a: the tag 'tag:yaml.org,2002:python/object:os.open' is not allowed",
        ),
        ("a: !mine {}", "1:4: a: the tag '!mine' is not allowed"),
        ("a: !!set {b, c}", "1:4: a: the tag 'tag:yaml.org,2002:set' is not allowed"),
        ("a: {<<: 3}", "1:9: a: << needs an anchor: write <<: *anchor"),
        (r'a: "\ud83d"', r"1:4: a: \u escapes half of a character"),
    ],
)
def test_mistakes_of_form_leave_the_rest_readable(text: str, message: str) -> None:
    root, problems = read_document(f"{text}\nrest: 1", "s.yaml")
    assert [str(problem).startswith(f"s.yaml:{message}") for problem in problems] == [True], problems
    assert root.plain()["rest"] == 1


def test_mistake_in_an_anchored_section_is_told_once() -> None:
    _, problems = read_document("a: &a {b: 1, b: 2}\nc: *a\nd: {<<: *a}", "s.yaml")
    assert len(problems) == 1


def laughs(levels: int, width: int = 10) -> str:
    lines = ["a0: &a0 ha"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]" for n in range(1, levels)]
    return "\n".join(lines)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "message"),
    [
        (laughs(12), "the aliases expand to too many values: write fewer aliases"),
        ("a: &a " + "x" * 100_000 + "\nb: [" + "*a, " * 5_000 + "]", "the aliases expand to too many values"),
        ("a: &a {b: 1, c: 1, d: 1}\ne: {<<: [" + "*a, " * 5_000 + "]}", "the aliases expand to too many values"),
        ("a: &a [*a]", "1:4: an anchor contains itself: remove the inner alias"),
        ("a: &a {b: {c: *a}}", "1:4: an anchor contains itself: remove the inner alias"),
        ("a: &a {<<: *a}", "1:4: an anchor contains itself: remove the inner alias"),
        ("[" * 100_000, "1:51: nested deeper than 50 levels"),
        ("- " * 100_000, "1:101: nested deeper than 50 levels"),
        ("{a: " * 100, "nested deeper than 50 levels"),
        ("[" + "a," * 100_000, "more than 12,000 values"),
    ],
    ids=["laughs", "long text", "merges", "self", "deep self", "merges itself", "[", "-", "{", "wide"],
)
def test_bombs_are_refused(text: str, message: str) -> None:
    assert message in refusal(text)


def test_chain_of_anchors_that_nests_too_deep_is_refused() -> None:
    chain = "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 80))])
    assert "nested deeper than 50 levels" in refusal(chain)
