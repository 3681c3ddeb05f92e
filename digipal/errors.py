"""What can go wrong between the engine and its database or its AI."""


class StorageError(Exception):
    """The database failed; `__cause__` is the sqlite3 error."""


class DatabaseBusyError(StorageError):
    """Another connection locked the database for longer than the busy timeout; you may repeat the call."""


class EngineClosedError(StorageError):
    """The engine was shut down before the call; nothing was read or written."""


class SchemaVersionError(StorageError):
    """A newer engine wrote the file; it is unchanged."""


class PetConflictError(StorageError):
    """The save would overwrite changes the caller has not seen; nothing was written."""


class StalePetError(PetConflictError):
    """The stored pet is newer than the one being saved: load it again and repeat the change."""


class LivePetError(PetConflictError):
    """The user already has a live pet; only one is allowed."""


class AssetNameError(StorageError, ValueError):
    """The name is not a valid file name in the user's directory; nothing was written."""


class TextTooLongError(StorageError, ValueError):
    """A text exceeds the engine's limit; nothing was written."""


class SimulatedAIError(Exception):
    """A failure that a simulated AI produces at its error rate."""
