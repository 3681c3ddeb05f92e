"""Assets: written whole, found again, and never outside their folder."""

from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digipal.errors import AssetNameError, StorageError
from digipal.storage import StorageManager
from digipal.storage.files import safe_name, write_whole

pytestmark = pytest.mark.slow


def outside(storage: StorageManager) -> list[Path]:
    """What lies beside the assets and the database."""
    root = storage.assets_path.parent
    return [path for path in root.iterdir() if path != storage.assets_path and not path.name.startswith("pets.db")]


def test_what_is_saved_is_found(storage: StorageManager) -> None:
    assert storage.get_user_assets("u") == []
    assert not storage.assets_path.exists()
    path = storage.save_asset("u", "pet 🥚.png", b"picture")
    assert isinstance(path, str)
    assert Path(path).read_bytes() == b"picture"
    assert Path(path) == storage.assets_path / "u" / "pet 🥚.png"
    for name in ("b.JPG", "a.jpeg", "c.gif", "notes.txt", "png"):
        storage.save_asset("u", name, b"12")
    storage.save_asset("v", "theirs.png", b"")
    found = storage.get_user_assets("u")
    assert [asset["filename"] for asset in found] == ["a.jpeg", "b.JPG", "c.gif", "pet 🥚.png"]
    assert (found[-1]["path"], found[-1]["size"]) == (path, 7)
    assert abs(datetime.now() - found[-1]["modified"]) < timedelta(minutes=1)
    stats = storage.get_database_stats()
    assert stats["assets_size_bytes"] == 7 + 5 * 2
    assert stats["assets_size_mb"] == stats["assets_size_bytes"] / 2**20


def test_an_asset_is_replaced_whole(storage: StorageManager) -> None:
    storage.save_asset("u", "a.png", b"old")
    path = storage.save_asset("u", "a.png", b"new one")
    assert Path(path).read_bytes() == b"new one"
    with pytest.raises(TypeError):
        storage.save_asset("u", "a.png", "text")  # type: ignore[arg-type]
    assert Path(path).read_bytes() == b"new one"
    assert [file.name for file in Path(path).parent.iterdir()] == ["a.png"]


UNSAFE = ["", ".", "..", "../x.png", "/tmp/x.png", "a/b.png", "a\\b.png", "..\\x.png", "C:x.png"]
UNSAFE += ["a\0.png", "a\n.png", "\ud800.png", "../" * 10**6]


@pytest.mark.slow
@pytest.mark.parametrize("name", UNSAFE, ids=lambda name: ascii(name)[:20])
def test_a_name_that_leads_elsewhere_is_refused(storage: StorageManager, name: str) -> None:
    with pytest.raises(AssetNameError, match="not a plain file name") as failure:
        storage.save_asset("u", name, b"x")
    assert isinstance(failure.value, StorageError)
    assert isinstance(failure.value, ValueError)
    assert len(str(failure.value)) < 500
    assert not storage.assets_path.exists()
    assert outside(storage) == []


def test_a_name_too_long_for_the_disk_is_an_error(storage: StorageManager) -> None:
    with pytest.raises(StorageError, match="could not be written"):
        storage.save_asset("u", "x" * 300 + ".png", b"x")
    assert storage.get_user_assets("u") == []


@pytest.mark.slow
@pytest.mark.parametrize("user_id", ["../../x", "/etc", "a/b", "..", ".", "", "backups", "a\0b", "\ud800", "x" * 10**6])
def test_any_user_has_a_folder_inside(storage: StorageManager, user_id: str) -> None:
    path = Path(storage.save_asset(user_id, "a.png", b"x"))
    assert path.resolve().is_relative_to(storage.assets_path.resolve())
    assert path.parent.parent == storage.assets_path
    assert path.parent.name != "backups"
    assert [asset["path"] for asset in storage.get_user_assets(user_id)] == [str(path)]
    assert outside(storage) == []


def test_a_link_in_the_way_is_not_followed(storage: StorageManager, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "secret.png").write_bytes(b"secret")
    storage.assets_path.mkdir()
    (storage.assets_path / "u").symlink_to(elsewhere)
    with pytest.raises(StorageError, match="link"):
        storage.save_asset("u", "a.png", b"x")
    assert storage.get_user_assets("u") == []
    (storage.assets_path / "v").mkdir()
    (storage.assets_path / "v" / "a.png").symlink_to(elsewhere / "secret.png")
    assert storage.get_user_assets("v") == []
    storage.save_asset("v", "a.png", b"mine")
    assert [path.name for path in elsewhere.iterdir()] == ["secret.png"]
    assert (elsewhere / "secret.png").read_bytes() == b"secret"
    assert [asset["size"] for asset in storage.get_user_assets("v")] == [4]


def test_a_write_that_fails_leaves_what_was(tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    with pytest.raises(OSError, match="taken"):
        write_whole(tmp_path / "taken", b"x")
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


@given(st.text(), st.text())
def test_names_are_safe_and_never_shared(one: str, other: str) -> None:
    assert (safe_name(one) == safe_name(other)) == (one == other)
    assert safe_name(one) not in (".", "..", "")
    assert not set(safe_name(one)) & set("/\\:\0")


def test_long_names_differ_too() -> None:
    assert safe_name("x" * 200) != safe_name("x" * 201)
    assert len(safe_name("/" * 10**6)) <= 255
