"""Which memories fit what is being said."""

import heapq
import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from digipal.core.arguments import all_name_arguments
from digipal.core.emotional_memory import EmotionalMemory

_WORDS = re.compile(r"\w+")
_WORD_OVERLAP, _TAG_OVERLAP, _RECENCY, _IMPORTANCE, _EMOTION, _ACCESS = 0.4, 0.3, 0.2, 0.1, 0.1, 0.1
_RECENT_HOURS = 7 * 24
_OFTEN = 10
"""Accesses at which a memory counts as fully familiar."""


@all_name_arguments
class SimpleRAG:
    """Ranks memories by shared words and tags, recency, importance, feeling and use."""

    def __init__(self, max_context_memories: int = 5) -> None:
        self.max_context_memories = max_context_memories

    def retrieve_relevant_memories(
        self, query: str, memories: Sequence[EmotionalMemory], context: dict[str, Any] | None = None
    ) -> list[EmotionalMemory]:
        """At most max_context_memories of them, the best first; text values of the context count as tags sought."""
        words = _words(query)
        sought = words | {value.lower() for value in (context or {}).values() if isinstance(value, str)}
        now = datetime.now()
        return heapq.nlargest(
            self.max_context_memories, memories, key=lambda memory: _score(memory, words, sought, now)
        )


def _words(text: str) -> set[str]:
    return set(_WORDS.findall(text.lower()))


def _score(memory: EmotionalMemory, words: set[str], sought: set[str], now: datetime) -> float:
    age_hours = max(0.0, (now - memory.timestamp).total_seconds() / 3600)
    tags = {tag.lower() for tag in memory.tags}
    return (
        _WORD_OVERLAP * _share(words, _words(memory.content))
        + _TAG_OVERLAP * _share(tags, sought)
        + _RECENCY * max(0.0, 1 - age_hours / _RECENT_HOURS)
        + _IMPORTANCE * memory.importance
        + _EMOTION * abs(memory.emotional_value)
        + _ACCESS * min(1.0, memory.access_count / _OFTEN)
    )


def _share(of: set[str], among: set[str]) -> float:
    """How much of a set is found in another, from 0 to 1."""
    return len(of & among) / len(of) if of else 0.0
