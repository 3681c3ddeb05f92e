"""What can go wrong between the engine and its database or its AI."""


class StorageError(Exception):
    """The database could not do what was asked; `__cause__` is the sqlite3 error behind it."""


class DatabaseBusyError(StorageError):
    """Another connection kept the database locked for longer than the busy timeout; the call may be repeated."""


class EngineClosedError(StorageError):
    """The engine was shut down before the call; nothing was read or written."""


class SchemaVersionError(StorageError):
    """The file was written by a newer engine; it has been left untouched."""


class PetConflictError(StorageError):
    """The save would overwrite something the caller has not seen; nothing was written."""


class StalePetError(PetConflictError):
    """The stored pet is newer than the one being saved: load it again and repeat the change."""


class LivePetError(PetConflictError):
    """The user already has a live pet, and a user has one at most."""


class AssetNameError(StorageError, ValueError):
    """The name cannot be that of a file in the user's own folder; nothing was written."""


class TextTooLongError(StorageError, ValueError):
    """A text is longer than the engine takes; nothing was written."""


class SimulatedAIError(Exception):
    """The failure a simulated AI was told to produce now and then."""
