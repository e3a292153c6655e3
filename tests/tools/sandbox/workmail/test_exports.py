"""Mailbox export jobs: their states, errors, limits, and how fast they run."""

from typing import Any

import pytest

from workmail_rooms.sandbox.workmail import ExportJobs, Organization

from .conftest import REGION, Service, refusal

WHERE = {
    "RoleArn": "arn:aws:iam::123456789012:role/export",
    "KmsKeyArn": f"arn:aws:kms:{REGION}:123456789012:key/11111111-2222-3333-4444-555555555555",
    "S3BucketName": "calendars",
    "S3Prefix": "rooms/",
}
DAY = 86_400


def start(service: Service, entity: str, **changes: Any) -> str:
    """Start a job and return its id."""
    request = {**WHERE, **changes}
    return str(service.client.start_mailbox_export_job(**service.org, EntityId=entity, **request)["JobId"])


def job(service: Service, job_id: str) -> dict[str, Any]:
    """Describe a job."""
    return dict(service.client.describe_mailbox_export_job(**service.org, JobId=job_id))


def state(service: Service, job_id: str) -> str:
    """Return the state of a job."""
    return str(job(service, job_id)["State"])


def listed(service: Service) -> list[str]:
    """Return the ids of all jobs that are listed, page by page."""
    found: list[str] = []
    more: dict[str, str] = {}
    while True:
        answer = service.client.list_mailbox_export_jobs(**service.org, MaxResults=2, **more)
        found += [one["JobId"] for one in answer["Jobs"]]
        if "NextToken" not in answer:
            return found
        more = {"NextToken": answer["NextToken"]}


def test_a_job_runs_and_completes(service: Service) -> None:
    """A job shows what it was asked for, how far it is, and in the end where its file is."""
    service.behave(export_jobs=ExportJobs(seconds=10))
    room = service.enabled_room()
    job_id = start(service, "boardroom", Description="from a test")
    service.clock.time += 4
    running = job(service, job_id)
    assert (running["State"], running["EstimatedProgress"], "EndTime" in running) == ("RUNNING", 40, False)
    assert (running["EntityId"], running["Description"]) == (room, "from a test")
    assert {name: running[name] for name in WHERE} == WHERE
    service.clock.time += 6
    completed = job(service, job_id)
    assert (completed["State"], completed["EstimatedProgress"]) == ("COMPLETED", 100)
    assert completed["S3Path"].startswith("rooms/")
    assert (completed["EndTime"] - completed["StartTime"]).total_seconds() == 10


def test_a_job_that_fails_says_why(service: Service) -> None:
    """A job of a mailbox that the switch names fails, with ErrorInfo."""
    service.behave(export_jobs=ExportJobs(seconds=1, failing=("boardroom",)))
    service.enabled_room()
    job_id = start(service, "boardroom")
    service.clock.time += 1
    failed = job(service, job_id)
    assert (failed["State"], bool(failed["ErrorInfo"])) == ("FAILED", True)


def test_a_job_can_be_cancelled_while_it_runs(service: Service) -> None:
    """A running job is cancelled; one that has ended stays as it was; again is harmless."""
    service.enabled_room("one")
    service.enabled_room("two")
    first, second = start(service, "one"), start(service, "two")
    service.clock.time += 1
    service.client.cancel_mailbox_export_job(**service.org, JobId=first)
    service.clock.time += 9
    service.client.cancel_mailbox_export_job(**service.org, JobId=first)
    service.client.cancel_mailbox_export_job(**service.org, JobId=second)
    assert (state(service, first), state(service, second)) == ("CANCELLED", "COMPLETED")


def test_the_same_token_is_the_same_job(service: Service) -> None:
    """A repeated Start returns the first one's job, and with other parameters is refused."""
    service.enabled_room()
    first = start(service, "boardroom", ClientToken="t")
    assert start(service, "boardroom", ClientToken="t") == first
    assert listed(service) == [first]
    assert refusal(start, service, "alice", ClientToken="t") == "InvalidParameterException"


def test_only_so_many_at_once(service: Service) -> None:
    """One job more than the limit is refused, until one has ended."""
    service.behave(export_jobs=ExportJobs(at_once=2))
    for name in ("one", "two", "three"):
        service.enabled_room(name)
    start(service, "one")
    start(service, "two")
    assert refusal(start, service, "three") == "LimitExceededException"
    service.clock.time += 5
    assert refusal(start, service, "three") == "OK"


@pytest.mark.parametrize(("daily", "again"), [("completed", "OK"), ("started", "LimitExceededException")])
def test_once_a_day(service: Service, daily: Any, again: str) -> None:
    """A mailbox is exported once in 24 hours; whether one that failed counts is a switch."""
    service.behave(export_jobs=ExportJobs(daily=daily, failing=("bad",)))
    for name in ("good", "bad"):
        service.enabled_room(name)
        start(service, name)
    service.clock.time += 60
    assert refusal(start, service, "good") == "LimitExceededException"
    assert refusal(start, service, "bad") == again
    service.clock.time += DAY
    assert refusal(start, service, "good") == "OK"


def test_a_list_goes_back_seven_days(service: Service) -> None:
    """The list has pages, oldest first, and nothing older than seven days, which Describe still shows."""
    old = start(service, "alice")
    service.clock.time += 7 * DAY
    recent = []
    for name in ("one", "two", "three"):
        service.enabled_room(name)
        recent.append(start(service, name))
    assert listed(service) == recent
    assert state(service, old) == "COMPLETED"


@pytest.mark.parametrize(
    ("entity", "changes", "code"),
    [
        ("nobody", {}, "EntityNotFoundException"),
        ("team", {}, "EntityNotFoundException"),
        ("fresh", {}, "InvalidParameterException"),
        ("alice", {"S3Prefix": "a b"}, "InvalidParameterException"),
        ("alice", {"KmsKeyArn": "arn:aws:kms:us-east-1:123456789012:key/1"}, "InvalidParameterException"),
    ],
)
def test_what_cannot_be_exported(service: Service, entity: str, changes: dict[str, Any], code: str) -> None:
    """A group, nobody, a room without a mailbox, a bad prefix and a key elsewhere are refused, and make no job."""
    service.room("fresh")
    assert refusal(start, service, entity, **changes) == code
    assert listed(service) == []


def test_an_unknown_job(service: Service) -> None:
    """A job id that was never given out is not found."""
    for call in (service.client.describe_mailbox_export_job, service.client.cancel_mailbox_export_job):
        assert refusal(call, **service.org, JobId="nonsense") == "EntityNotFoundException"


def test_jobs_survive_a_round_trip(service: Service) -> None:
    """An organization's state has its jobs, and a state from before there were any is read too."""
    job_id = start(service, "alice")
    data = service.organization.export()
    restored = Organization.restore(data, str.casefold)
    assert restored.export_jobs == service.organization.export_jobs
    assert list(restored.export_jobs) == [job_id]
    del data["export_jobs"]
    assert Organization.restore(data, str.casefold).export_jobs == {}


def test_a_speed_below_zero_is_refused() -> None:
    """A job cannot end before it starts."""
    with pytest.raises(ValueError, match="export_jobs"):
        ExportJobs(seconds=-1)
