"""libyaml reads what is plain, PyYAML all else: whichever it is, a file means the same, and mistakes have one place."""

from __future__ import annotations

import random
from pathlib import Path
from unittest.mock import patch

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from perfcli.scenario import document
from perfcli.scenario.document import read_document
from perfcli.scenario.library import shipped_scenarios
from perfcli.scenario.loader import ScenarioFileError

pytestmark = pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML was built without libyaml")

TEXTS = (
    *(path.read_text(encoding="utf-8") for path in shipped_scenarios()),
    "a: &x {b: 1}\nc: *x\nd: {<<: *x, b: 2}\n",
    "a:\n- b\n-  c: d\n   e: 'f\n    g'\n- [1,\n 2]\n- \"q\\u00e9\"\n",
    "%YAML 1.1\n---\na: b\n...\n",
)
CHARACTERS = "\n\t :-{}[],&*#|>'\"%@`~!?0aé\ufeff\u2028\\<=."


def outcome(text: str) -> object:
    """The tree with its places and mistakes, or why there is none."""
    try:
        return read_document(text, "s.yaml")
    except ScenarioFileError as error:
        return str(error)


def by_pyyaml_alone(text: str) -> object:
    """The same without libyaml."""
    with patch.object(document, "_quickly_composed", lambda text: None):
        return outcome(text)


@pytest.mark.parametrize("path", shipped_scenarios(), ids=lambda path: path.stem)
def test_shipped_scenarios_mean_the_same(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert outcome(text) == by_pyyaml_alone(text)


def test_most_of_them_are_read_quickly() -> None:
    texts = [path.read_text(encoding="utf-8") for path in shipped_scenarios()]
    assert sum(document._quickly_composed(text) is not None for text in texts) > len(texts) / 2


@pytest.mark.parametrize(
    "text",
    ["a: [b?: c]", "a:\tb", "a: !x b", "a: |#\n b", "a: >#\n b", "a:\nb: 1", "d: {c: }", "a: 1\n---\nb: 2", "", "a: @"],
)
def test_what_the_two_may_read_otherwise_is_left_to_pyyaml(text: str) -> None:
    assert document._quickly_composed(text) is None


@settings(max_examples=400)
@given(st.integers(min_value=0))
def test_whatever_a_file_holds_both_find_the_same(seed: int) -> None:
    """Each text with a few characters put in, taken out, or moved."""
    random_ = random.Random(seed)
    text = random_.choice(TEXTS)[: random_.choice((120, 300, 600))]
    for _ in range(random_.randint(1, 4)):
        at, edit = random_.randrange(len(text) + 1), random_.random()
        if edit < 0.5:
            text = text[:at] + random_.choice(CHARACTERS) + text[at:]
        elif edit < 0.8:
            text = text[:at] + text[at + random_.randint(1, 4) :]
        else:
            start = random_.randrange(len(text) + 1)
            text = text[:at] + text[start : start + 10] + text[at:]
    assert outcome(text) == by_pyyaml_alone(text)
