"""Pets, users and what was said, in one SQLite file."""

from digipal.storage.database import DatabaseConnection, DatabaseSchema
from digipal.storage.storage_manager import StorageManager

__all__ = ["DatabaseConnection", "DatabaseSchema", "StorageManager"]
