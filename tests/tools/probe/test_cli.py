"""The command asks before it does anything, says what it found, and ends with the status that its help names."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.tools.probe.organization import ID, KilledError, Organization, unchanged
from workmail_rooms.probe.cli import Outside, main
from workmail_rooms.sandbox.behaviour_file import load
from workmail_rooms.sandbox.workmail import Behaviour, Fault


class Terminal:
    """Somebody who types answers, and what was asked."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, question: str) -> str:
        """Answer a question.

        Raises
        ------
        EOFError
            There is nobody any more.
        """
        self.asked.append(question)
        if not self.answers:
            raise EOFError
        return self.answers.pop(0)


def run(organization: Organization, folder: Path, *options: str, terminal: Terminal | None = None) -> int:
    """Run the command in a folder."""
    outside = Outside(
        client=lambda _profile, _region: organization.client(),
        clock=lambda: organization.now,
        sleep=organization.sleep,
        random=organization.random,
        answer=terminal or Terminal(),
    )
    file = ["--output-file", str(folder / "behaviour.json")]
    return main(["--organization-id", ID, "--delegate", "facilities", *file, *options], outside)


def test_a_whole_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was found stands beside what is assumed, and in a file that the sandbox takes."""
    behaviour = Behaviour(redelete="EntityStateException", name_release=2, page_size=5)
    organization = Organization(behaviour)
    terminal = Terminal("y")
    with unchanged(organization):
        assert run(organization, tmp_path, terminal=terminal) == 0
    shown, said = capsys.readouterr()
    assert load(tmp_path / "behaviour.json") == behaviour
    (line,) = [line for line in shown.splitlines() if line.startswith("name_release")]
    assert line.split(maxsplit=3) == ["name_release", "2", "0", "differs, 4.0 seconds"]
    assert "Never learned\n" in shown
    assert "reserved_names: A name that turned out" in shown
    assert "DeleteResource: EntityStateException: " in shown
    assert "Please report" not in shown
    assert terminal.asked == ["Go on? [y/N] "]
    assert "up to three rooms, named wmr-probe- and random letters, with addresses in example.com" in said


@pytest.mark.parametrize("answer", ["", "n", "no", "yeah"])
def test_nothing_is_made_without_a_yes(tmp_path: Path, answer: str) -> None:
    """Any other answer than y or yes ends it before a room is made."""
    organization = Organization()
    assert run(organization, tmp_path, terminal=Terminal(answer)) == 1
    assert all(call.operation.startswith(("Describe", "Get", "List")) for call in organization.calls)
    assert not (tmp_path / "behaviour.json").exists()


def test_nobody_is_there_to_ask(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a terminal, --yes is needed."""
    organization = Organization()
    assert run(organization, tmp_path) == 2
    assert "Give --yes." in capsys.readouterr().err
    assert run(organization, tmp_path, "--yes") == 0


def killed(behaviour: Behaviour | None = None) -> Organization:
    """Return an organization in which a probe was killed."""
    organization = Organization(behaviour)
    organization.interrupt[30, "after"] = KilledError
    with pytest.raises(KilledError):
        organization.run()
    organization.restart()
    organization.workmail.clear_calls()
    return organization


def test_what_an_earlier_run_left_is_removed_when_the_user_wants_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The next run names what is left and asks; yes removes it, and the second question is about the new run."""
    organization = killed()
    left = organization.probe().leftovers().own
    assert left
    terminal = Terminal("y", "n")
    assert run(organization, tmp_path, terminal=terminal) == 1
    assert terminal.asked == ["Remove them? [y/N] ", "Go on? [y/N] "]
    said = capsys.readouterr().err
    assert all(item["Id"] in said and item["Name"] in said for item in left)
    assert "wmr-probe-AaBbCcDdEe" in said.partition("not its mark")[0]
    assert organization.probe().leftovers().own == ()


def test_what_is_left_stays_when_the_user_wants_it(tmp_path: Path) -> None:
    """No removes nothing, and no new run begins."""
    organization = killed()
    with unchanged(organization):
        assert run(organization, tmp_path, terminal=Terminal("n")) == 1
    assert organization.probe().leftovers().own


def test_a_file_that_is_there_is_not_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without --overwrite, a file that is there ends the run before any call."""
    file = tmp_path / "behaviour.json"
    file.write_text("{}")
    organization = Organization()
    assert run(organization, tmp_path, "--yes") == 2
    assert f"{file} is there already. Give --overwrite" in capsys.readouterr().err
    assert organization.calls == ()
    assert run(organization, tmp_path, "--yes", "--overwrite") == 0
    assert json.loads(file.read_text())["redelete"] == "success"


def test_interrupted_by_the_user(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """After Ctrl-C, everything is removed, no file is written, and the status is 130."""
    organization = Organization()
    organization.interrupt[30, "after"] = KeyboardInterrupt
    with unchanged(organization):
        assert run(organization, tmp_path, "--yes") == 130
    assert "it ended early: interrupted" in capsys.readouterr().err
    assert not (tmp_path / "behaviour.json").exists()


def test_something_is_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """When a room cannot be removed, the message has its id and what to do, and the status is 3."""
    organization = Organization()
    organization.workmail.add_fault(
        Fault(action="error", code="EntityStateException", operation="DeleteResource", nth=tuple(range(2, 2000)))
    )
    assert run(organization, tmp_path, "--yes") == 3
    said = capsys.readouterr().err
    assert "it is still there (DISABLED, DeleteResource answers EntityStateException)" in said
    assert "Run the probe again" in said


@pytest.mark.parametrize(
    ("fault", "status", "words"),
    [
        ({"code": "OrganizationNotFoundException"}, 1, "Check --organization-id"),
        ({"code": "ExpiredTokenException"}, 1, "Sign in again"),
        ({"code": "AccessDeniedException"}, 1, "The permission workmail:DescribeOrganization is missing"),
    ],
)
def test_it_cannot_begin(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], fault: Any, status: int, words: str
) -> None:
    """The message says what is wrong and what to do, before anything is made."""
    organization = Organization()
    organization.workmail.add_fault(Fault(action="error", operation="DescribeOrganization", **fault))
    assert run(organization, tmp_path, "--yes") == status
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("domain", ["unverified.example.net", "other.example.net"])
def test_a_domain_without_addresses(tmp_path: Path, capsys: pytest.CaptureFixture[str], domain: str) -> None:
    """A domain that is not verified, or not the organization's, ends it before anything is made."""
    organization = Organization()
    assert run(organization, tmp_path, "--yes", "--domain", domain) == 1
    assert "--domain" in capsys.readouterr().err
    assert len(organization.calls) == 2


@pytest.mark.parametrize(("attribute", "value"), [("state", "Impaired"), ("interoperability", True)])
def test_an_organization_that_makes_no_rooms(tmp_path: Path, attribute: str, value: object) -> None:
    """Only an active organization is asked."""
    organization = Organization()
    setattr(organization.workmail.organization(ID), attribute, value)
    assert run(organization, tmp_path, "--yes") == 1
    assert len(organization.calls) == 1


def test_the_organization_has_to_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    """The probe writes only where it is told to."""
    assert main(["--delegate", "facilities"]) == 2
    assert "--organization-id" in capsys.readouterr().err


def test_a_delegate_that_is_not_there(tmp_path: Path) -> None:
    """What needs a delegate is not learned then; everything else is."""
    organization = Organization()
    with unchanged(organization):
        assert run(organization, tmp_path, "--yes", "--delegate", "nobody") == 0
    learned = json.loads((tmp_path / "behaviour.json").read_text())
    assert "associate_twice" not in learned
    assert "delegates_after_deregister" not in learned
    assert learned["aliases_after_deregister"] == "kept"


def test_the_next_run_tells_how_long_deleted_rooms_are_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Deleted rooms of earlier runs that are still listed are counted, with the age of the oldest."""
    organization = Organization()
    organization.run()
    organization.sleep(3 * 86_400)
    assert run(organization, tmp_path, terminal=Terminal("n")) == 1
    assert (
        "3 deleted rooms of earlier runs still listed; the oldest was disabled 3.0 days ago" in capsys.readouterr().err
    )
