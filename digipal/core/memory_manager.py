"""What pets remember beyond their last words: kept in memory while a pet is active, bounded for each pet."""

import heapq
import itertools
import threading
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable
from datetime import datetime, timedelta
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from digipal.core.arguments import all_name_arguments
from digipal.core.emotional_memory import EmotionalMemory
from digipal.core.memory_cache import MemoryCache
from digipal.core.memory_retrieval import SimpleRAG
from digipal.core.models import DigiPal, Interaction, numbers_of

if TYPE_CHECKING:
    from digipal.storage.storage_manager import StorageManager

__all__ = ["EmotionalMemory", "EnhancedMemoryManager", "MemoryCache", "SimpleRAG"]

_TIME = attrgetter("timestamp")
_FEELINGS = {"good": 0.6, "play": 0.5, "eat": 0.3, "sleep": 0.2, "train": 0.2, "bad": -0.6}
_FEELING_OF_FAILURE = -0.1
_PLAIN_IMPORTANCE = 0.3
_KEPT_WHATEVER_AGE = 0.8
"""Memories of at least this importance outlive cleanup_old_memories."""
_CLEANUP_INTERVAL_S = 3600.0
_JOIN_S = 0.2


@all_name_arguments
class EnhancedMemoryManager:
    """The memories of every active pet, by pet id in `pet_memories`, oldest first.

    A pet has at most `max_memories_per_pet`; at the bound the least important go first, the oldest of equals.
    `cache_size` bounds the kept answers of get_relevant_memories. Threads may share it.
    """

    def __init__(
        self, storage: "StorageManager | None", cache_size: int = 1000, max_memories_per_pet: int = 500
    ) -> None:
        self.storage = storage
        self.max_memories_per_pet = max_memories_per_pet
        self.cache = MemoryCache(max_size=cache_size)
        self.rag = SimpleRAG()
        self.pet_memories: dict[str, list[EmotionalMemory]] = {}
        self._least: dict[str, list[tuple[float, int, EmotionalMemory]]] = {}
        self._numbers = itertools.count(1)
        self._changes = 0
        self._lock = threading.RLock()
        self._stop_cleanup = threading.Event()
        self._cleanup_thread: threading.Thread | None = None

    def add_memory(
        self,
        pet_id: str,
        content: str,
        memory_type: str,
        emotional_value: float = 0.0,
        importance: float = 0.5,
        tags: Iterable[str] | None = None,
        related_attributes: dict[str, int] | None = None,
    ) -> str:
        """Remember something (emotional_value -1 to 1, importance 0 to 1); the new memory's id."""
        return self._remember(
            pet_id,
            datetime.now(),
            content,
            memory_type,
            emotional_value,
            importance,
            set(tags or ()),
            dict(related_attributes or {}),
        )

    def add_interaction_memory(self, pet: DigiPal, interaction: Interaction) -> str:
        """Remember an interaction; the stronger the feeling it left, the more important. The memory's id.

        What is missing from the interaction, or of the wrong kind in it, counts as plain or as empty.
        """
        command, when = interaction.interpreted_command, interaction.timestamp
        feeling = _FEELINGS.get(command, 0.0) if interaction.success else _FEELING_OF_FAILURE
        return self._remember(
            pet.id,
            when if isinstance(when, datetime) else datetime.now(),
            f"{interaction.user_input} -> {interaction.pet_response}",
            "interaction",
            feeling,
            min(1.0, _PLAIN_IMPORTANCE + abs(feeling) / 2),
            {command} if command and isinstance(command, str) else set(),
            numbers_of(interaction.attribute_changes),
        )

    def get_relevant_memories(
        self, pet_id: str, query: str, context: dict[str, Any] | None = None
    ) -> list[EmotionalMemory]:
        """The memories that fit the query best, best first; each counts as accessed."""
        with self._lock:
            memories = list(self.pet_memories.get(pet_id, ()))
            # A new memory makes every answer before it out of date.
            key = f"{pet_id}\0{query}\0{sorted((context or {}).items(), key=str)!r}\0{self._changes}\0{len(memories)}"
            found: list[EmotionalMemory] | None = self.cache.get(key)
            if found is None:
                found = self.rag.retrieve_relevant_memories(query, memories, context)
                self.cache.put(key, found)
            for memory in found:
                memory.access_count += 1
                memory.last_accessed = datetime.now()
            return list(found)

    def get_emotional_state_summary(self, pet_id: str) -> dict[str, Any]:
        """overall_mood (a word), mean_emotional_value (-1 to 1) and counts of good, bad and plain memories."""
        with self._lock:
            values = [memory.emotional_value for memory in self.pet_memories.get(pet_id, ())]
        mean = sum(values) / len(values) if values else 0.0
        positive = sum(value > 0 for value in values)
        negative = sum(value < 0 for value in values)
        return {
            "overall_mood": "positive" if mean > 0.1 else "negative" if mean < -0.1 else "neutral",
            "mean_emotional_value": mean,
            "total_memories": len(values),
            "positive_memories": positive,
            "negative_memories": negative,
            "neutral_memories": len(values) - positive - negative,
        }

    def cleanup_old_memories(self, pet_id: str, max_age_days: float = 30) -> int:
        """Forget what is older, except the most important; how many were forgotten."""
        oldest = datetime.now() - timedelta(days=max_age_days)
        with self._lock:
            memories = self.pet_memories.get(pet_id, [])
            kept = [m for m in memories if m.timestamp >= oldest or m.importance >= _KEPT_WHATEVER_AGE]
            forgotten = len(memories) - len(kept)
            if forgotten:
                self.pet_memories[pet_id] = kept
                self._least.pop(pet_id, None)
        return forgotten

    def forget_pet(self, pet_id: str) -> None:
        """Drop every memory of a pet that is active no more."""
        with self._lock:
            self.pet_memories.pop(pet_id, None)
            self._least.pop(pet_id, None)

    def get_memory_statistics(self, pet_id: str) -> dict[str, Any]:
        """total_memories, memory_types (counts), mean_importance, oldest_memory, newest_memory, cache_size."""
        with self._lock:
            memories = list(self.pet_memories.get(pet_id, ()))
        return {
            "total_memories": len(memories),
            "memory_types": dict(Counter(memory.memory_type for memory in memories)),
            "mean_importance": sum(m.importance for m in memories) / len(memories) if memories else 0.0,
            "oldest_memory": memories[0].timestamp if memories else None,
            "newest_memory": memories[-1].timestamp if memories else None,
            "cache_size": self.cache.size(),
        }

    def start_background_cleanup(self) -> None:
        """Clean up every pet's old memories once an hour, in a daemon thread; a second call does nothing."""
        if self._cleanup_thread is not None and self._cleanup_thread.is_alive():
            return
        self._stop_cleanup.clear()
        self._cleanup_thread = threading.Thread(target=self._clean_hourly, name="digipal-memories", daemon=True)
        self._cleanup_thread.start()

    def stop_background_cleanup(self) -> None:
        """End that thread."""
        self._stop_cleanup.set()
        if self._cleanup_thread is not None:
            self._cleanup_thread.join(_JOIN_S)

    def shutdown(self) -> None:
        """End the thread and forget everything."""
        self.stop_background_cleanup()
        with self._lock:
            self.pet_memories.clear()
            self._least.clear()
        self.cache.shutdown()

    def _clean_hourly(self) -> None:
        while not self._stop_cleanup.wait(_CLEANUP_INTERVAL_S):
            for pet_id in list(self.pet_memories):
                self.cleanup_old_memories(pet_id)

    def _remember(
        self,
        pet_id: str,
        when: datetime,
        content: str,
        memory_type: str,
        emotional_value: float,
        importance: float,
        tags: set[str],
        related_attributes: dict[str, int],
    ) -> str:
        number = next(self._numbers)
        memory = EmotionalMemory(
            f"memory-{number}",
            when,
            content,
            memory_type,
            emotional_value,
            importance,
            tags,
            related_attributes,
            0,
            when,
        )
        with self._lock:
            memories = self.pet_memories.setdefault(pet_id, [])
            memories.append(memory)
            heapq.heappush(self._least.setdefault(pet_id, []), (importance, number, memory))
            while len(memories) > self.max_memories_per_pet:
                _remove(memories, self._least_important(pet_id, memories))
            self._changes += 1
        return memory.id

    def _least_important(self, pet_id: str, memories: list[EmotionalMemory]) -> EmotionalMemory:
        heap = self._least[pet_id]
        if len(heap) < len(memories):
            # Someone put memories into the list directly.
            heap[:] = [(memory.importance, next(self._numbers), memory) for memory in memories]
            heapq.heapify(heap)
        importance, number, memory = heap[0]
        while memory.importance > importance:
            # It has gained importance since.
            heapq.heapreplace(heap, (memory.importance, number, memory))
            importance, number, memory = heap[0]
        heapq.heappop(heap)
        return memory


def _remove(memories: list[EmotionalMemory], memory: EmotionalMemory) -> None:
    """Take this very memory out of the list, if it is still in it; the list is as good as sorted by time."""
    start = bisect_left(memories, memory.timestamp, key=_TIME)
    for position in itertools.chain(range(start, len(memories)), range(start)):
        if memories[position] is memory:
            del memories[position]
            return
