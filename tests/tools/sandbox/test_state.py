"""The state folder survives what happens on a laptop: two terminals, a full disk, a damaged file."""

import json
import os
import resource
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from workmail_rooms.sandbox import state
from workmail_rooms.sandbox.state import VERSION, StateError, StateFolder


@pytest.fixture
def folder(tmp_path: Path) -> StateFolder:
    """Give a state folder that does not exist yet."""
    return StateFolder(tmp_path / "deep" / ".sandbox")


def test_nothing_is_there_at_first(folder: StateFolder) -> None:
    """Without a file there is no state, and reading makes no folder."""
    assert folder.load() is None
    assert not folder.path.exists()


def test_what_was_saved_is_read_back(folder: StateFolder) -> None:
    """The last document is the one that is read, and nothing else lies around."""
    folder.save({"stacks": {"größe": 1}})
    folder.save({"stacks": {"größe": 2}})

    assert folder.load() == {"version": VERSION, "stacks": {"größe": 2}}
    assert [path.name for path in folder.path.iterdir()] == ["state.json"]


@pytest.mark.parametrize("content", ["", "{", "[]", "null", '{"stacks": {}}', "\x00\x01"])
def test_a_damaged_file_is_named(folder: StateFolder, content: str) -> None:
    """A file that is no state gets a message with its name and a way out."""
    folder.path.mkdir(parents=True)
    (folder.path / "state.json").write_text(content, encoding="utf-8")

    with pytest.raises(StateError, match=r"state\.json is damaged\. Remove it .* or give another --state-dir\."):
        folder.load()


def test_a_newer_file_is_not_touched(folder: StateFolder) -> None:
    """A state of a later format is refused, with both formats named."""
    folder.path.mkdir(parents=True)
    (folder.path / "state.json").write_text(json.dumps({"version": VERSION + 1}), encoding="utf-8")

    with pytest.raises(StateError, match=f"has format {VERSION + 1}; this sandbox reads format {VERSION}"):
        folder.load()


def test_the_second_command_hears_who_holds_the_lock(folder: StateFolder) -> None:
    """While one command works, another is refused and told which command it is waiting for."""
    script = (
        "import pathlib, sys\n"
        "from workmail_rooms.sandbox.state import StateFolder\n"
        f"with StateFolder(pathlib.Path({str(folder.path)!r})).lock('workmail-rooms sandbox serve'):\n"
        "    print('held', flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with (
            pytest.raises(StateError, match=rf"in use by workmail-rooms sandbox serve \(process {other.pid}\)"),
            folder.lock("workmail-rooms sandbox deploy"),
        ):
            pass
        other.kill()

    with folder.lock("workmail-rooms sandbox deploy"):
        assert "deploy" in (folder.path / "lock").read_text(encoding="utf-8")


def test_a_full_disk_leaves_the_old_state(folder: StateFolder) -> None:
    """When the new state cannot be written, the old one is intact, and the message says so."""
    folder.save({"stacks": "old"})
    script = (
        "import pathlib, resource\n"
        "from workmail_rooms.sandbox.state import StateError, StateFolder\n"
        f"folder = StateFolder(pathlib.Path({str(folder.path)!r}))\n"
        f"resource.setrlimit(resource.RLIMIT_FSIZE, (1000, {resource.RLIM_INFINITY}))\n"
        "try:\n"
        "    folder.save({'stacks': 'new' * 1000})\n"
        "except StateError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert "cannot be written; the state from before this command is kept: File too large." in done.stdout
    assert folder.load() == {"version": VERSION, "stacks": "old"}
    assert [path.name for path in folder.path.iterdir()] == ["state.json"]


def test_a_path_that_is_a_file_is_named(tmp_path: Path) -> None:
    """A --state-dir that is a file gets a message, not a traceback."""
    path = tmp_path / "file"
    path.write_text("", encoding="utf-8")

    with pytest.raises(StateError, match="cannot be written"):
        StateFolder(path).save({})
    with pytest.raises(StateError, match="cannot be"), StateFolder(path).lock("x"):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_permission_is_named(folder: StateFolder) -> None:
    """A folder that may not be written gets a message, not a traceback."""
    folder.path.mkdir(parents=True)
    folder.path.chmod(0o500)

    with pytest.raises(StateError, match=r"cannot be written.*Permission denied"):
        folder.save({})


def test_the_systems_it_runs_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows the sandbox says where it runs, instead of a traceback."""
    monkeypatch.setattr(sys, "platform", "win32")
    with pytest.raises(SystemExit, match=r"^The sandbox runs on Linux and macOS\. On Windows, run it in .*WSL"):
        runpy.run_path(str(state.__file__))
