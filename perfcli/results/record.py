"""The kind of record that results are made of."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """Frozen; fields that a later version adds are ignored."""

    # a field that a later version adds does not make its results unreadable here
    model_config = ConfigDict(extra="ignore", frozen=True)
