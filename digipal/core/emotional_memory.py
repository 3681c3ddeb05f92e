"""One memory of a pet."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self

from digipal.core.arguments import all_name_arguments


@all_name_arguments
@dataclass(slots=True)
class EmotionalMemory:
    """Something a pet remembers: emotional_value from -1 to 1, importance from 0 to 1, times naive and local."""

    id: str
    timestamp: datetime
    content: str
    memory_type: str
    emotional_value: float
    importance: float
    tags: set[str] = field(default_factory=set)
    related_attributes: dict[str, int] = field(default_factory=dict)
    access_count: int = 0
    last_accessed: datetime = field(default_factory=datetime.now)

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready copy; times as ISO text, tags as a sorted list."""
        return {
            "id": self.id,
            "timestamp": self.timestamp.isoformat(),
            "content": self.content,
            "memory_type": self.memory_type,
            "emotional_value": self.emotional_value,
            "importance": self.importance,
            "tags": sorted(self.tags),
            "related_attributes": dict(self.related_attributes),
            "access_count": self.access_count,
            "last_accessed": self.last_accessed.isoformat(),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The inverse of to_dict; `data` is left alone."""
        known = dict(data)
        known["timestamp"] = datetime.fromisoformat(data["timestamp"])
        known["tags"] = set(data.get("tags", ()))
        known["related_attributes"] = dict(data.get("related_attributes", {}))
        if "last_accessed" in known:
            known["last_accessed"] = datetime.fromisoformat(known["last_accessed"])
        return cls(**known)
