"""What ``workmail-rooms inventory`` does with odd organizations, refusals, files and terminals."""

import csv
import errno
import io
import json
import os
import pty
import re
import signal
import subprocess
import sysconfig
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.harness import DOMAIN
from tests.harness.interventions import Interceptor, Interventions
from tests.harness.settings import use_made_up_settings
from workmail_rooms.inventory import stacks
from workmail_rooms.inventory.cli import main
from workmail_rooms.sandbox.backends import Backends
from workmail_rooms.sandbox.seed import EXAMPLE, OTHER, seed
from workmail_rooms.sandbox.services import Call, Services
from workmail_rooms.sandbox.workmail.behaviour import Behaviour
from workmail_rooms.sandbox.workmail.faults import RateLimit

ROOT: Final = Path(__file__).resolve().parents[2]
_WORKMAIL_ROOMS: Final = str(Path(sysconfig.get_path("scripts")) / "workmail-rooms")


class Account:
    """An account whose WorkMail is served, and the command in it."""

    def __init__(self, services: Services, capsys: pytest.CaptureFixture[str]) -> None:
        self.services = services
        self.interventions = Interventions()
        self.services.interceptor = Interceptor(self.interventions)
        self._capsys = capsys

    @property
    def workmail(self) -> Any:
        """WorkMail's backend."""
        return self.services.backends.workmail

    def call(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Make a call in the organization, off the record."""
        done: dict[str, Any] = self.workmail.invoke(operation, {"OrganizationId": EXAMPLE, **parameters})
        return done

    def room(self, name: str, **parameters: Any) -> str:
        """Make a room, registered unless its name ends with ``off``."""
        room = str(self.call("CreateResource", **{"Name": name, "Type": "ROOM", **parameters})["ResourceId"])
        if not name.endswith("off"):
            self.call("RegisterToWorkMail", EntityId=room, Email=f"{name}@{DOMAIN}")
        return room

    def run(self, *arguments: str) -> tuple[int, str, str]:
        """Run the command; return its exit status, what it printed, and what it said."""
        status = main(["--organization-id", EXAMPLE, *arguments] if "--all" not in arguments else [])
        out, err = self._capsys.readouterr()
        return status, out, err


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Account]:
    """Serve the made-up organizations, without rooms, and go to an empty folder."""
    backends = Backends()
    seed(backends.workmail)
    with Services(backends) as services:
        use_made_up_settings(monkeypatch, services.variables)
        monkeypatch.chdir(tmp_path)
        yield Account(services, capsys)


# ------------------------------------------------------------------------------------------------------ organizations


def test_the_only_active_organization_is_taken(account: Account) -> None:
    """Without --organization-id, the account's only active organization is read, and named."""
    account.workmail.organization(OTHER).state = "Deleted"
    account.room("boardroom")
    status, out, err = account.run("--all")
    assert (status, out) == (0, "example-rooms-1.yaml\n")
    assert f"Organization {EXAMPLE} (example), the only active one in us-east-1." in err


def test_several_organizations_are_listed(account: Account) -> None:
    """Of several organizations one has to be named; nothing is read."""
    status, out, err = account.run("--all")
    assert (status, out) == (2, "")
    assert f"{EXAMPLE}  example  Active" in err
    assert f"{OTHER}  other  Active" in err
    assert {call.operation for call in account.services.calls} == {"ListOrganizations"}


def test_no_organization(account: Account) -> None:
    """An account without an active organization is told so, with what it has."""
    for organization in (EXAMPLE, OTHER):
        account.workmail.organization(organization).state = "Deleted"
    status, out, err = account.run("--all")
    assert (status, out) == (2, "")
    assert "no active WorkMail organization in us-east-1" in err
    assert f"{EXAMPLE}  example  Deleted" in err


@pytest.mark.parametrize(
    ("state", "words"),
    [("Deleted", "is in state Deleted"), ("Creating", "OrganizationStateException on ListResources")],
)
def test_an_organization_that_cannot_be_read(account: Account, state: str, words: str) -> None:
    """An organization that is deleted, or not there yet, is said to be so."""
    account.workmail.organization(EXAMPLE).state = state
    status, out, err = account.run()
    assert (status, out) == (1, "")
    assert words in err
    assert state in err


def test_an_unknown_organization(account: Account, capsys: pytest.CaptureFixture[str]) -> None:
    """An organization of another account or Region is not found, and the message says where to look."""
    assert main(["--organization-id", f"m-{'0' * 32}"]) == 1
    assert "Check --organization-id, and that --profile and --region" in capsys.readouterr().err
    with pytest.raises(SystemExit, match="2"):
        main(["--organization-id", "example"])
    assert "32 hexadecimal digits" in capsys.readouterr().err
    assert account.services.calls


def test_an_empty_organization(account: Account) -> None:
    """Without resources there is no template, since CloudFormation takes no empty one; data is just empty."""
    status, out, err = account.run()
    assert (status, out, err) == (0, "", f"0 resources of {EXAMPLE} in 0 templates.\n")
    assert list(Path().iterdir()) == []
    assert json.loads(account.run("--format", "json")[1])["Resources"] == []
    assert len(account.run("--format", "csv")[1].splitlines()) == 1


# ---------------------------------------------------------------------------------------------------------- resources


def test_the_same_again(account: Account) -> None:
    """Whatever the order of the answers, a second run writes the same, and only reads."""
    ids = [account.room(f"room-{number}") for number in range(30)]
    for delegate in ("alice", "bob"):
        account.call("AssociateDelegateToResource", ResourceId=ids[7], EntityId=delegate)
    gone = account.room("gone-off")
    account.call("DeleteResource", ResourceId=gone)
    assert account.run("--output-dir", "a")[0] == 0
    account.interventions.delay(0.01, "DescribeResource", 3, times=5)
    status, out, _ = account.run("--output-dir", "b")
    assert (status, out) == (0, "b/example-rooms-1.yaml\n")
    first, second = (Path(folder, "example-rooms-1.yaml").read_text() for folder in "ab")
    assert first == second
    assert first.count("Type: Custom::") == 30
    assert "gone-off" not in first
    operations = {call.operation for call in account.services.calls}
    assert operations == {
        "DescribeOrganization",
        "ListResources",
        "DescribeResource",
        "ListAliases",
        "ListResourceDelegates",
        "DescribeUser",
    }


def test_what_cannot_be_declared(account: Account) -> None:
    """A resource that cannot be declared is left out of the template, with why and what to do, and is in the data."""
    account.room("boardroom")
    left_out = account.room("safe-off", Description="{{resolve:ssm:x}}")
    status, _, err = account.run()
    assert status == 3
    assert f"Left out: safe-off ({left_out}): its Description has" in err
    assert "change what is named in WorkMail and run this again, or declare it by hand" in err
    assert left_out not in Path("example-rooms-1.yaml").read_text()
    status, out, _ = account.run("--format", "json")
    assert (status, left_out in out) == (0, True)


def test_a_room_that_vanishes_while_it_is_read(account: Account) -> None:
    """A resource that is deleted between two calls is left out, whichever calls these are."""
    # GIVEN rooms that somebody deletes after the list, after the description, and after the aliases were read
    ids = {name: account.room(name) for name in ("a-off", "b-off", "c-off", "stays-off")}

    def delete(name: str, key: str | None = None) -> Callable[[Call], None]:
        def act(call: Call) -> None:
            if key is None or call.parameters[key] == ids[name]:
                account.call("DeleteResource", ResourceId=name)

        return act

    account.interventions.after(delete("a-off"), "ListResources")
    account.interventions.after(delete("b-off", "ResourceId"), "DescribeResource", times=4)
    account.interventions.after(delete("c-off", "EntityId"), "ListAliases", times=4)
    # THEN only the one that stays is there
    status, out, _ = account.run("--format", "csv")
    assert (status, [row["Name"] for row in csv.DictReader(io.StringIO(out))]) == (0, ["stays-off"])


def test_data(account: Account) -> None:
    """The data has every fact, the delegates with their names, and the text as it is."""
    room = account.room("boardroom", Description='Café, 🪑 "x"', HiddenFromGlobalAddressList=True)
    account.call("CreateAlias", EntityId=room, Alias=f"board@{DOMAIN}")
    account.call("AssociateDelegateToResource", ResourceId=room, EntityId="facilities")
    account.call("UpdateResource", ResourceId=room, BookingOptions={"AutoAcceptRequests": False})
    (found,) = json.loads(account.run("--format", "json")[1])["Resources"]
    (delegate,) = found.pop("Delegates")
    assert (delegate["Type"], delegate["Name"], delegate["Email"]) == ("GROUP", "facilities", f"facilities@{DOMAIN}")
    assert found.pop("EnabledDate").endswith("+00:00")
    assert found == {
        "ResourceId": room,
        "Name": "boardroom",
        "Type": "ROOM",
        "State": "ENABLED",
        "Email": f"boardroom@{DOMAIN}",
        "Description": 'Café, 🪑 "x"',
        "HiddenFromGlobalAddressList": True,
        "BookingOptions": {
            "AutoAcceptRequests": False,
            "AutoDeclineRecurringRequests": False,
            "AutoDeclineConflictingRequests": True,
        },
        "Aliases": [f"board@{DOMAIN}"],
        "DisabledDate": None,
    }
    (row,) = csv.DictReader(io.StringIO(account.run("--format", "csv")[1]))
    assert (row["Description"], row["Aliases"]) == (found["Description"], f"board@{DOMAIN}")
    assert (row["Delegates"], row["DelegateIds"]) == (f"facilities@{DOMAIN}", delegate["Id"])
    assert (row["AutoAcceptRequests"], row["HiddenFromGlobalAddressList"]) == ("false", "true")


# ------------------------------------------------------------------------------------------------------------ refusals


def test_throttling(account: Account) -> None:
    """Calls that WorkMail refuses because of their rate are made again."""
    for number in range(5):
        account.room(f"room-{number}")
    account.workmail.behaviour = Behaviour(rate_limit=RateLimit(per_second=20, burst=5))
    assert account.run()[0] == 0
    assert any(call.outcome == "ThrottlingException" for call in account.workmail.calls)


@pytest.mark.parametrize("operation", ["ListOrganizations", "DescribeOrganization", "ListResources", "ListAliases"])
def test_a_missing_permission_is_named(account: Account, operation: str) -> None:
    """A refused call names the action that is missing, and writes nothing."""
    account.room("boardroom")
    account.interventions.fail(operation, code="AccessDeniedException", status=400, message="no", times=99)
    status, out, err = account.run(*(["--all"] if operation == "ListOrganizations" else []))
    assert (status, out) == (1, "")
    assert f"The permission workmail:{operation} is missing" in err
    assert list(Path().iterdir()) == []


def test_without_the_names_of_delegates(account: Account) -> None:
    """Who may not read users still gets the templates, without names beside the ids, and is told."""
    room = account.room("boardroom")
    account.call("AssociateDelegateToResource", ResourceId=room, EntityId="alice")
    account.interventions.fail("DescribeUser", code="AccessDeniedException", status=400, times=99)
    status, _, err = account.run()
    assert status == 0
    assert "the permission workmail:DescribeUser is missing" in err
    assert "alice" not in Path("example-rooms-1.yaml").read_text()


def test_no_credentials(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without credentials nothing is tried, and the message says how to get some."""
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    status, out, err = account.run()
    assert (status, out) == (1, "")
    assert "Unable to locate credentials. Sign in again" in err
    assert account.services.calls == ()


def test_no_network(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a connection it ends soon, with where it wanted to go."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_WORKMAIL", "http://127.0.0.1:9")
    status, _, err = account.run()
    assert status == 1
    assert 'Could not connect to the endpoint URL: "http://127.0.0.1:9/"' in err
    assert "Check the network" in err


def test_regions_and_profiles(account: Account, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A Region without WorkMail, no Region, and an unknown profile are said so before any call."""
    config = tmp_path / "config"
    config.write_text("[profile mine]\nregion = eu-central-1\n")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    monkeypatch.delenv("AWS_ENDPOINT_URL_WORKMAIL")
    assert (
        "WorkMail is not in ap-south-1. WorkMail is in eu-west-1, us-east-1, us-west-2"
        in account.run("--region", "ap-south-1")[2]
    )
    monkeypatch.delenv("AWS_REGION")
    status, _, err = account.run()
    assert (status, "No Region is set" in err) == (2, True)
    assert "WorkMail is not in eu-central-1" in account.run("--profile", "mine")[2]
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-2")
    assert "WorkMail is not in us-east-2" in account.run()[2]
    monkeypatch.setenv("AWS_PROFILE", "yours")
    status, _, err = account.run()
    assert (status, "(yours) could not be found. Check --profile" in err) == (1, True)
    assert account.services.calls == ()


# --------------------------------------------------------------------------------------------------------------- files


def test_files_that_are_there(account: Account) -> None:
    """The same content again is fine; another one is written with --overwrite only; what is left over is named."""
    account.room("boardroom")
    path = Path("example-rooms-1.yaml")
    assert account.run()[0] == 0
    before = path.stat()
    assert account.run()[0] == 0
    assert (path.stat().st_ino, path.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    account.room("atrium")
    status, out, err = account.run()
    assert (status, out) == (1, "")
    assert "example-rooms-1.yaml would be replaced" in err
    assert "--overwrite" in err
    assert "atrium" not in path.read_text()
    status, _, err = account.run("--overwrite")
    assert (status, "atrium" in path.read_text()) == (0, True)


def test_contract_61_a_template_that_would_lose_a_room_is_not_written(account: Account) -> None:
    """A room that has gone or cannot be declared any more keeps the files as they are, until an option says so."""
    # GIVEN a template whose rooms the stack owns: ADOPT and the policies are taken out
    gone, odd, _ = account.room("gone-off"), account.room("odd-off"), account.room("boardroom")
    assert account.run()[0] == 0
    path = Path("example-rooms-1.yaml")
    owned = re.sub(r" +(ExistingResource|DeletionPolicy|UpdateReplacePolicy): .*\n", "", path.read_text())
    path.write_text(owned)
    # WHEN one is deleted, another changes so that no template can declare it, and one is renamed
    account.call("DeleteResource", ResourceId=gone)
    account.call("UpdateResource", ResourceId=odd, Description="{{resolve:ssm:x}}")
    account.call("UpdateResource", ResourceId="boardroom", Name="atrium")
    status, out, err = account.run("--overwrite")
    # THEN nothing is written, and both are named with the reason
    assert (status, out, path.read_text()) == (1, "", owned)
    assert re.search(r"example-rooms-1.yaml: GoneOff\w* \(gone-off\): is no resource of this organization", err)
    assert re.search(r"OddOff\w* \(odd-off\): its Description has", err)
    assert "Nothing was written" in err
    # AND with the option the others stay as they were declared
    status, _, _ = account.run("--overwrite", "--allow-removal")
    assert status == 3
    assert re.findall(r"^  (\w+):$|      (Name: .*)", path.read_text(), re.MULTILINE) == [
        ("Boardroom", ""),
        ("", 'Name: "atrium"'),
    ]
    assert "ADOPT\n" not in path.read_text().partition("Resources:")[2]


def test_contract_61_each_room_stays_in_its_file(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """When rooms come beyond what the files hold, they go into a new one, and no other moves."""
    monkeypatch.setattr(stacks, "MAX_RESOURCES", 10)
    for number in range(15):
        account.room(f"b{number:02}-off")
    assert account.run()[1].split() == ["example-rooms-1.yaml", "example-rooms-2.yaml"]

    def declared() -> dict[str, set[str]]:
        return {path.name: set(re.findall('Name: "(.*)"', path.read_text())) for path in Path().glob("*.yaml")}

    before = declared()
    for number in range(10):
        account.room(f"a{number:02}-off")
    assert account.run("--overwrite")[1].split() == [f"example-rooms-{number}.yaml" for number in (1, 2, 3)]
    assert all(names <= declared()[name] for name, names in before.items())
    assert [len(declared()[name]) for name in sorted(declared())] == [10, 10, 5]


def test_contract_61_a_file_that_cannot_be_read_is_not_replaced(account: Account) -> None:
    """What a broken file declares nobody knows, so nothing is written beside it."""
    account.room("boardroom")
    Path("example-rooms-7.yaml").write_text("Resources: [")
    status, out, err = account.run("--overwrite", "--allow-removal")
    assert (status, out) == (1, "")
    assert "example-rooms-7.yaml cannot be read" in err
    assert [path.name for path in Path().iterdir()] == ["example-rooms-7.yaml"]


def test_a_full_disk_leaves_no_file(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a file cannot be completed, none is there, and the one before is as it was."""
    account.room("boardroom")
    assert account.run("--format", "csv", "--output-dir", ".")[0] == 0
    before = Path("example-rooms.csv").read_bytes()
    account.room("atrium")

    def full(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    status, out, err = account.run("--format", "csv", "--output-dir", ".", "--overwrite")
    assert (status, out) == (1, "")
    assert "example-rooms.csv cannot be written: No space left on device; nothing was written." in err
    assert [path.name for path in Path().iterdir()] == ["example-rooms.csv"]
    assert Path("example-rooms.csv").read_bytes() == before


def test_a_read_only_folder_is_named(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no file can be made, the message names the file that was to be written, and says that none was."""
    account.room("boardroom")

    def refuse(**_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "out/.example-rooms-1.yaml.x.tmp")

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    status, out, err = account.run("--output-dir", "out")
    assert (status, out) == (1, "")
    assert "out/example-rooms-1.yaml cannot be written: Read-only file system; nothing was written." in err


def test_a_file_that_cannot_be_moved_to_its_place_is_named(account: Account) -> None:
    """A folder that has the file's name is not replaced, and the message says what is there now."""
    account.room("boardroom")
    Path("example-rooms.csv").mkdir()
    status, out, err = account.run("--format", "csv", "--output-dir", ".", "--overwrite")
    assert (status, out) == (1, "")
    assert "example-rooms.csv cannot be written: Is a directory; nothing was written." in err


# ------------------------------------------------------------------------------------------------------------- process


def start(account: Account, *arguments: str, **options: Any) -> "subprocess.Popen[bytes]":
    """Start the command as a process."""
    return subprocess.Popen(
        [_WORKMAIL_ROOMS, "inventory", "--organization-id", EXAMPLE, *arguments],
        cwd=ROOT,
        env={**os.environ, **account.services.variables},
        **options,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(account: Account, tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM end it at once, even while calls hang, without a trace and without a file."""
    account.room("boardroom")
    reached, release = threading.Event(), threading.Event()

    def hang(_call: Call) -> None:
        reached.set()
        release.wait(60)

    account.interventions.before(hang, "DescribeResource", times=99)
    with start(account, "--output-dir", str(tmp_path / "out"), stderr=subprocess.PIPE) as process:
        assert reached.wait(60)
        process.send_signal(number)
        _, err = process.communicate(timeout=30)
        release.set()
    assert (process.returncode, err) == (
        130,
        b"workmail-rooms inventory: interrupted; no file is half written.\n",
    )
    assert not (tmp_path / "out").exists()


def test_a_reader_that_has_enough(account: Account) -> None:
    """A closed pipe ends it without a trace."""
    for number in range(3):
        account.room(f"room-{number}")
    reading, writing = os.pipe()
    os.close(reading)
    with start(account, "--format", "json", stdout=writing, stderr=subprocess.PIPE) as process:
        os.close(writing)
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (1, b"")


def test_a_bar_on_a_terminal_only(account: Account) -> None:
    """On a terminal a bar shows how far the reading is; in a pipe only the last words are said."""
    account.room("boardroom")
    leader, follower = pty.openpty()
    with start(account, "--format", "csv", stdout=subprocess.PIPE, stderr=follower) as process:
        os.close(follower)
        shown = b""
        while True:
            try:
                chunk = os.read(leader, 4096)
            except OSError:  # Linux says so when the other side has closed
                break
            if not chunk:
                break
            shown += chunk
        out, _ = process.communicate(timeout=60)
    os.close(leader)
    assert b"Reading" in shown
    assert out.count(b"\n") == 2
    status, _, err = account.run("--format", "csv")
    assert (status, err) == (0, f"1 resource of {EXAMPLE}.\n")
