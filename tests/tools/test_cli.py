import signal
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from workmail_resource import __version__
from workmail_rooms import cli

COMMAND = str(Path(sysconfig.get_path("scripts")) / "workmail-rooms")


def test_the_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    """``--help`` lists the commands, each with what it does."""
    with pytest.raises(SystemExit) as end:
        cli.main(["--help"])

    shown = " ".join(capsys.readouterr().out.split())
    assert end.value.code == 0
    assert all(f"{name} {command.summary}" in shown for name, command in cli.COMMANDS.items())


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_what_follows_the_command_is_the_command_s_own(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """``COMMAND --help`` is the command's help, under the name by which it was called."""
    with pytest.raises(SystemExit) as end:
        cli.main([name, "--help"])

    assert end.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: workmail-rooms {name} ")


@pytest.mark.parametrize("line", [[], ["rooms"], ["--nothing"]], ids=["none", "unknown", "unknown option"])
def test_another_command_line_is_refused(line: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """Without a command, or with one that there is not, the exit status is 2 and the message says what to change."""
    with pytest.raises(SystemExit) as end:
        cli.main(line)

    assert end.value.code == 2
    assert "workmail-rooms: error: " in capsys.readouterr().err


def test_the_version_is_the_project_s(capsys: pytest.CaptureFixture[str]) -> None:
    """``--version`` prints the version of the project."""
    with pytest.raises(SystemExit):
        cli.main(["--version"])

    assert capsys.readouterr().out == f"{__version__}\n"


def test_the_exit_status_is_the_command_s() -> None:
    """The process ends with the status that the command returns."""
    done = subprocess.run(
        [COMMAND, "sandbox", "events", "--stack-name", "nothing"], capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("workmail-rooms sandbox: there is no stack nothing ")


def test_a_command_is_imported_when_it_is_used() -> None:
    """The command line alone imports none of the commands, and none of the dependencies."""
    code = "import sys; import workmail_rooms.cli; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    own = {name for name in done.stdout.split() if name.startswith("workmail_")}

    assert own == {"workmail_resource", "workmail_rooms", "workmail_rooms.cli"}
    assert not {"boto3", "moto", "rich", "cfnlint"} & set(done.stdout.split())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_before_the_command_has_begun(tmp_path: Path, number: signal.Signals) -> None:
    """Who is quick to interrupt it, while a command is imported, sees one line and no traceback."""
    # GIVEN a command of which the import takes long
    slow = "import threading; print('importing', flush=True); threading.Event().wait(60)"
    (tmp_path / "slow_command.py").write_text(slow, encoding="utf-8")
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.argv = ['workmail-rooms', 'slow']\n"
        "from workmail_rooms import cli\n"
        "cli.COMMANDS = {'slow': cli.Command('slow_command', 'slow')}\n"
        "cli.run()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "importing\n"
        # WHEN it is interrupted
        process.send_signal(number)
        try:
            _, err = process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            # Python swallows an interrupt that falls into one of its own callbacks; a person presses Ctrl-C again.
            process.send_signal(number)
            _, err = process.communicate(timeout=60)

    # THEN it ends as interrupted
    assert (process.returncode, err) == (130, "workmail-rooms: interrupted.\n")


def test_a_module_of_ours_that_is_missing_is_no_missing_dependency(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A mistake in this package is not answered with advice to install something."""
    broken = cli.Command("workmail_rooms.nothing", "broken", extra="sandbox")
    monkeypatch.setattr(cli, "COMMANDS", {"broken": broken})

    with pytest.raises(ModuleNotFoundError, match=r"workmail_rooms\.nothing"):
        cli.main(["broken"])
