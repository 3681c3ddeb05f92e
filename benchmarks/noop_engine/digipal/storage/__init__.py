"""A storage that stores nothing."""


class StorageManager:
    """What the harness needs of a storage."""

    def __init__(self, db_path: str, assets_path: str) -> None:
        pass

    def create_user(self, user_id: str, username: str) -> bool:
        """A user."""
        return True

    def close(self) -> None:
        """Nothing is open."""
