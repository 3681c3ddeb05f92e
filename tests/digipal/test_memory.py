"""Memories: kept, found, bounded."""

import random
from datetime import datetime, timedelta
from unittest.mock import Mock

from digipal.core import DigiPal, Interaction
from digipal.core.memory_manager import EmotionalMemory, EnhancedMemoryManager, MemoryCache, SimpleRAG


def memory(content: str, age_days: float = 0, importance: float = 0.5, **more: object) -> EmotionalMemory:
    when = datetime.now() - timedelta(days=age_days)
    return EmotionalMemory(content, when, content, "note", 0.0, importance, **more)  # type: ignore[arg-type]


def test_a_memory_survives_its_dict() -> None:
    one = memory("walk", tags={"outside"}, related_attributes={"hp": 1}, access_count=2)
    assert EmotionalMemory.from_dict(one.to_dict()) == one


def test_the_cache_forgets_the_least_recent_and_the_old() -> None:
    now = [0.0]
    cache = MemoryCache(max_size=2, ttl_seconds=10, clock=lambda: now[0])
    cache.put("a", 1)
    cache.put("b", 2)
    cache.get("a")
    cache.put("c", 3)
    assert (cache.get("a"), cache.get("b"), cache.get("c"), cache.size()) == (1, None, 3, 2)
    now[0] = 10.0
    assert cache.get("a") is None
    assert cache.remove("c") is True
    assert cache.remove("c") is False
    cache.put("d", 4)
    cache.shutdown()
    assert cache.size() == 0


def test_what_fits_best_comes_first() -> None:
    fitting, tagged, old = memory("we played ball"), memory("x", tags={"ball"}), memory("tax", age_days=30)
    found = SimpleRAG(max_context_memories=2).retrieve_relevant_memories("play with the ball", [old, tagged, fitting])
    assert found == [tagged, fitting]
    assert SimpleRAG().retrieve_relevant_memories("", [], {}) == []


def test_memories_are_counted_and_found() -> None:
    manager, pet = EnhancedMemoryManager(None), DigiPal()
    manager.add_interaction_memory(pet, Interaction(user_input="good boy", interpreted_command="good"))
    manager.add_interaction_memory(pet, Interaction(user_input="bad", interpreted_command="bad"))
    manager.add_memory(pet.id, "a quiet day", "event", tags=["quiet"])
    found = manager.get_relevant_memories(pet.id, "quiet day", {"mood": "calm"})
    assert found[0].content == "a quiet day"
    assert found[0].access_count == 1
    assert manager.get_relevant_memories(pet.id, "quiet day", {"mood": "calm"})[0].access_count == 2
    summary = manager.get_emotional_state_summary(pet.id)
    assert (summary["positive_memories"], summary["negative_memories"], summary["neutral_memories"]) == (1, 1, 1)
    statistics = manager.get_memory_statistics(pet.id)
    assert statistics["memory_types"] == {"interaction": 2, "event": 1}
    assert manager.get_memory_statistics("nobody")["total_memories"] == 0
    manager.shutdown()
    assert manager.pet_memories == {}


def test_at_the_bound_the_least_important_go() -> None:
    manager, importances = EnhancedMemoryManager(None, max_memories_per_pet=10), [n / 100 for n in range(60)]
    random.Random(1).shuffle(importances)
    manager.pet_memories["p"] = [memory("put in directly", importance=0.9) for _ in range(3)]
    for importance in importances:
        manager.add_memory("p", "x", "note", importance=importance)
        assert len(manager.pet_memories["p"]) <= 10
    kept = sorted(each.importance for each in manager.pet_memories["p"])
    assert kept == [0.53, 0.54, 0.55, 0.56, 0.57, 0.58, 0.59, 0.9, 0.9, 0.9]


def test_old_memories_are_cleaned_up_unless_important() -> None:
    manager = EnhancedMemoryManager(None)
    manager.pet_memories["p"] = [memory("old", 31), memory("dear", 31, importance=0.9), memory("new")]
    assert manager.cleanup_old_memories("p") == 1
    assert [each.content for each in manager.pet_memories["p"]] == ["dear", "new"]
    assert manager.cleanup_old_memories("nobody") == 0


def test_background_cleanup_starts_and_stops() -> None:
    manager = EnhancedMemoryManager(None)
    manager.start_background_cleanup()
    thread = manager._cleanup_thread
    assert thread is not None
    assert thread.is_alive()
    manager.shutdown()
    assert not thread.is_alive()


def test_importance_that_was_changed_since_counts() -> None:
    manager = EnhancedMemoryManager(None, max_memories_per_pet=2)
    for content, importance in (("a", 0.1), ("b", 0.5)):
        manager.add_memory("p", content, "note", importance=importance)
    manager.pet_memories["p"][0].importance = 1.0
    manager.add_memory("p", "c", "note", importance=0.6)
    assert [each.content for each in manager.pet_memories["p"]] == ["a", "c"]


def test_stand_ins_are_remembered_too() -> None:
    manager, pet = EnhancedMemoryManager(None), Mock()
    answer = Mock(pet_response="Hi", success=True, attribute_changes={"hp": 1})
    for interaction in (answer, Mock()):
        manager.add_interaction_memory(pet, interaction)
    first, second = manager.get_relevant_memories(pet.id, "Hi", {})
    assert {first.content.endswith("Hi"), second.content.endswith("Hi")} == {True, False}
    assert first.tags == second.tags == set()
    assert manager.get_memory_statistics(pet.id)["total_memories"] == 2
