"""Calendars are exported, each once, whatever comes between."""

import csv
import json
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.tools.world import BUCKET, DOMAIN, World, fill, make_bucket, make_key, make_role
from workmail_rooms.sandbox.workmail import ExportJobs, Fault

Phase = Literal["before", "after"]


def manifest() -> dict[str, dict[str, str]]:
    """Return the mailboxes of the manifest, by name."""
    document = json.loads(Path("example-export.json").read_text())
    return {mailbox["Name"]: mailbox for mailbox in document["Mailboxes"]}


def states() -> Counter[str]:
    """Return how many mailboxes of the manifest are in which state."""
    return Counter(mailbox["State"] for mailbox in manifest().values())


def written(account: World) -> set[str]:
    """Return the operations that were called in WorkMail and are no reads."""
    return {call.operation for call in account.backend.calls if not re.match("Describe|List|Get", call.operation)}


@pytest.mark.long
def test_120_rooms_five_at_a_time_two_failing_one_interruption(
    account: World, capsys: pytest.CaptureFixture[str]
) -> None:
    """An organization of 120 rooms of every kind is exported once, although the command was interrupted half way."""
    # GIVEN rooms and equipment of every kind, two whose jobs fail, and two that are disabled
    account.backend.behaviour = replace(
        account.backend.behaviour, export_jobs=ExportJobs(seconds=40, failing=("room-013", "room-077"))
    )
    fill(account)
    most = 0

    def look(operation: str, phase: Phase, _request: Mapping[str, Any]) -> None:
        nonlocal most
        if (operation, phase) == ("StartMailboxExportJob", "after"):
            most = max(most, account.running())

    def interrupt(nap: int) -> None:
        if nap == 30:
            raise KeyboardInterrupt

    account.backend.hooks.append(look)
    account.on_nap = interrupt
    # WHEN the command runs, is interrupted, and runs again
    assert account.export("--jobs", "5") == 130
    assert "the same command goes on where this one stopped" in capsys.readouterr().err
    first = states()
    assert 0 < first["COMPLETED"] < 120
    assert first["RUNNING"] == 5
    account.on_nap = lambda _: None
    assert account.export("--jobs", "5") == 1
    # THEN each room was exported once, five at a time, and the manifest says what became of it
    assert most == 5
    expected = {f"room-{number:03}": ["COMPLETED"] for number in range(120)}
    expected |= {"room-013": ["FAILED"], "room-077": ["FAILED"]}
    assert account.jobs() == expected
    jobs = account.organization.export_jobs
    for name, mailbox in manifest().items():
        job = jobs[mailbox["JobId"]]
        assert [mailbox["State"]] == expected[name]
        assert (mailbox["ResourceId"], mailbox["S3Path"]) == (job.entity_id, job.path)
        assert bool(mailbox["Error"]) == (mailbox["State"] == "FAILED")
        assert mailbox["EndTime"] > mailbox["StartTime"]
    # AND so do the table and the CSV beside it
    rows = list(csv.DictReader(Path("example-export.csv").read_text().splitlines()))
    assert {row["Name"]: [row["State"]] for row in rows} == expected
    assert all(row["S3Path"].startswith(f"s3://{BUCKET}/rooms/") == (row["State"] == "COMPLETED") for row in rows)
    out, err = capsys.readouterr()
    assert len(re.findall(r"^ room-\d+ .*s3://", out, re.MULTILINE)) == 118
    assert re.search(r"room-013 +FAILED +The mailbox could not be exported", out)
    assert "118 of 120 exported." in err
    # AND nothing was written in WorkMail but the jobs
    assert written(account) == {"StartMailboxExportJob"}
    # WHEN it runs once more THEN nothing is started, and the status is the same; the failed ones are, when asked for
    assert account.export() == 1
    assert account.jobs() == expected
    account.backend.behaviour = replace(account.backend.behaviour, export_jobs=ExportJobs())
    assert account.export("--retry-failed") == 0
    assert account.jobs()["room-013"] == ["FAILED", "COMPLETED"]
    assert len(account.jobs()["room-014"]) == 1


@pytest.mark.parametrize("phase", ["before", "after"])
def test_an_end_in_the_middle_of_a_start_makes_no_second_job(account: World, phase: Phase) -> None:
    """Whether WorkMail had started the job or not when the command ended, the room is exported once."""
    account.room("boardroom")

    def end(operation: str, at: Phase, _request: Mapping[str, Any]) -> None:
        if (operation, at) == ("StartMailboxExportJob", phase):
            raise KeyboardInterrupt

    account.backend.hooks.append(end)
    assert account.export() == 130
    assert states() == {"STARTING": 1}
    account.backend.hooks.clear()
    assert account.export() == 0
    assert account.jobs() == {"boardroom": ["COMPLETED"]}


def test_a_lost_reply_makes_no_second_job(account: World) -> None:
    """A call whose answer does not come is made again with the same token."""
    account.room("boardroom")
    account.backend.add_fault(Fault(operation="StartMailboxExportJob", action="lose_reply", nth=(1,)))
    assert account.export() == 0
    assert account.jobs() == {"boardroom": ["COMPLETED"]}


def test_workmails_own_limit_is_waited_for(account: World) -> None:
    """Where WorkMail takes fewer jobs at once, the others wait; nothing fails."""
    account.backend.behaviour = replace(account.backend.behaviour, export_jobs=ExportJobs(at_once=2, seconds=20))
    for number in range(6):
        account.room(f"room-{number}")
    assert account.export() == 0
    assert set(map(tuple, account.jobs().values())) == {("COMPLETED",)}
    refused = [call for call in account.backend.calls if call.outcome == "LimitExceededException"]
    assert 0 < len(refused) <= account.naps + 1


def test_a_mailbox_that_was_exported_today_is_said_so(account: World) -> None:
    """WorkMail exports a mailbox once in 24 hours: the others are exported, and this one is told apart."""
    account.room("boardroom")
    account.room("focus")
    assert account.export("boardroom", "--manifest", "first.json") == 0
    assert account.export() == 1
    assert "once in 24 hours" in manifest()["boardroom"]["Error"]
    assert manifest()["focus"]["State"] == "COMPLETED"
    account.now += 86_400
    assert account.export("--retry-failed") == 0


def test_named_rooms_only(account: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Rooms can be named by name, address or id; unknown and disabled ones are refused before anything starts."""
    for name in ("one", "two", "three"):
        account.room(name)
    third = account.organization.named("three")
    account.room("off", enabled=False)
    assert third is not None
    assert account.export("ONE", third.id, f"one@{DOMAIN}") == 0
    assert set(account.jobs()) == {"one", "three"}
    assert account.export("nobody") == 2
    assert "no room or equipment nobody" in capsys.readouterr().err
    assert account.export("off") == 2
    assert "Not enabled" in capsys.readouterr().err


def test_a_dry_run_starts_nothing(account: World, capsys: pytest.CaptureFixture[str]) -> None:
    """With --dry-run the rooms are listed, and neither a job nor a file is made."""
    room = account.room("boardroom")
    assert account.export("--dry-run") == 0
    out, err = capsys.readouterr()
    assert (out, "Would start 1 export job" in err) == (f"{room}  boardroom\n", True)
    assert account.jobs() == {}
    assert list(Path().iterdir()) == []
    assert written(account) == set()


def test_another_target_needs_another_manifest(account: World, capsys: pytest.CaptureFixture[str]) -> None:
    """A manifest is gone on with only where everything is as it was; a file that is none is refused."""
    account.room("boardroom")
    assert account.export() == 0
    before = Path("example-export.json").read_bytes()
    assert account.export("--prefix", "other") == 2
    assert "give another --manifest" in capsys.readouterr().err
    assert Path("example-export.json").read_bytes() == before
    Path("broken.json").write_text('{"Version": 1}')
    assert account.export("--manifest", "broken.json") == 2
    assert account.export("--manifest", "x.txt") == 2


def test_a_manifest_that_cannot_be_written_stops_it(
    account: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without a place for the manifest no job is started, and the file is named."""
    account.room("boardroom")
    Path("example-export.json.d").mkdir()
    monkeypatch.setattr("workmail_rooms.common.files.tempfile.mkstemp", _full)
    assert account.export() == 1
    assert "example-export.json cannot be written: No space left on device" in capsys.readouterr().err
    assert account.jobs() == {}


def _full(**_: object) -> None:
    raise OSError(28, "No space left on device")


# --------------------------------------------------------------------------------------------------------------- checks


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"bucket": "nowhere-at-all"}, "There is no bucket nowhere-at-all"),
        ({"bucket": "in-ireland"}, "The bucket in-ireland is in eu-west-1, the organization in us-east-1"),
        ({"bucket": "public-one"}, "does not block public access"),
        ({"kms_key_arn": "arn:aws:kms:eu-west-1:123456789012:key/1"}, "The key is in eu-west-1"),
        ({"kms_key_arn": "arn:aws:kms:us-east-1:123456789012:key/1"}, "There is no key"),
        ({"role_arn": "arn:aws:iam::123456789012:role/nobody"}, "There is no role nobody"),
        ({"role_arn": "arn:aws:iam::123456789012:role/other"}, "does not let export.workmail.amazonaws.com assume it"),
        ({"role_arn": "arn:aws:iam::123456789012:role/ec2"}, "does not let export.workmail.amazonaws.com assume it"),
        ({"role_arn": "arn:aws:iam::999999999999:role/ec2"}, "of this account is arn:aws:iam::123456789012:role/ec2"),
    ],
)
def test_what_is_missing_is_said_before_anything_starts(
    account: World, capsys: pytest.CaptureFixture[str], wrong: dict[str, str], words: str
) -> None:
    """A bucket, key or role that cannot do is named before any job is started."""
    account.room("boardroom")
    make_bucket("in-ireland", "eu-west-1")
    make_bucket("public-one", public=True)
    make_role(f"m-{'0' * 32}", "other")
    make_role(account.organization.id, "ec2", Principal={"Service": "ec2.amazonaws.com"})
    assert account.export(**wrong) == 1
    assert words in capsys.readouterr().err
    assert account.jobs() == {}


def test_keys_that_cannot_encrypt(account: World, capsys: pytest.CaptureFixture[str]) -> None:
    """A disabled key and an asymmetric one are named."""
    account.room("boardroom")
    kms = boto3.client("kms", "us-east-1")
    kms.disable_key(KeyId=account.key_arn.rpartition("/")[2])  # moto knows no ARN there
    assert account.export() == 1
    assert "is in state Disabled; enable it" in capsys.readouterr().err
    assert account.export(kms_key_arn=make_key(KeySpec="RSA_2048", KeyUsage="ENCRYPT_DECRYPT")) == 1
    assert "WorkMail needs a symmetric one" in capsys.readouterr().err


def test_without_permission_to_look_it_goes_on(
    account: World, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who may not look at role, bucket and key is told what was not checked, and exports all the same."""
    account.room("boardroom")

    class Denied:
        """A client whose calls are all refused."""

        def __getattr__(self, name: str) -> Any:
            def refuse(**_: object) -> None:
                raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}, "ResponseMetadata": {}}, name)  # type: ignore[typeddict-item] # as much as is read

            return refuse

    monkeypatch.setattr("workmail_rooms.common.connection.Connection.service", lambda *_: Denied())
    assert account.export() == 0
    err = capsys.readouterr().err
    assert all(f"the permission {one} is missing" in err for one in ("iam:GetRole", "s3:ListBucket", "kms:DescribeKey"))


def test_a_missing_permission_of_workmail_is_named(account: World, capsys: pytest.CaptureFixture[str]) -> None:
    """A refused Start names the action and all that an export needs; the next run goes on."""
    account.room("boardroom")
    account.backend.add_fault(
        Fault(operation="StartMailboxExportJob", action="error", code="AccessDeniedException", nth=(1,))
    )
    assert account.export() == 1
    err = capsys.readouterr().err
    assert "The permission workmail:StartMailboxExportJob is missing; an export needs" in err
    assert "iam:PassRole" in err
    assert account.export() == 0


@pytest.mark.parametrize(
    "wrong", [{"bucket": "a b"}, {"role_arn": "arn:aws:iam::1:role/x"}, {"kms_key_arn": "alias/x"}]
)
def test_what_is_no_bucket_role_or_key_is_refused(account: World, wrong: dict[str, str]) -> None:
    """An option in another form than WorkMail takes ends the command before any call."""
    with pytest.raises(SystemExit, match="2"):
        account.export(**wrong)
    assert account.backend.calls == ()
