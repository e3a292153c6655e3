"""Runs the export jobs of a manifest: so many at a time, each once, wherever an earlier run has stopped.

https://docs.aws.amazon.com/workmail/latest/adminguide/mail-export.html
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from workmail_rooms.common.failures import code_of
from workmail_rooms.common.progress import Progress
from workmail_rooms.export.manifest import ENDED, Mailbox, Manifest

if TYPE_CHECKING:
    from mypy_boto3_workmail import WorkMailClient

#: "You can run up to 10 concurrent mailbox export jobs for a given Amazon WorkMail organization."
MOST_AT_ONCE: Final = 10
#: How long to wait before the running jobs are looked at again, in seconds. A job takes minutes at least.
POLL_SECONDS: Final = 15.0

_DAILY: Final = (
    "WorkMail exports a mailbox once in 24 hours. Run the same command with --retry-failed when they are over."
)


@dataclass(frozen=True, slots=True)
class Outside:
    """What the work needs from outside.

    Attributes
    ----------
    save:
        Writes the manifest down; called before and after each call that starts a job, and whenever one changes.
    new_token:
        Returns a ClientToken that was never used.
    sleep:
        Waits that many seconds.
    """

    save: Callable[[Manifest], None]
    new_token: Callable[[], str]
    sleep: Callable[[float], None]


class Exporter:
    """Exports all mailboxes of a manifest.

    Parameters
    ----------
    client:
        A boto3 client for ``workmail`` that does not try LimitExceededException again.
    at_once:
        How many jobs run at the same time, at most.
    progress:
        Is told of every mailbox that ends.
    """

    def __init__(
        self, client: "WorkMailClient", manifest: Manifest, outside: Outside, *, at_once: int, progress: Progress
    ) -> None:
        self._client = client
        self._manifest = manifest
        self._outside = outside
        self._at_once = at_once
        self._progress = progress
        self._organization_id = manifest.target.organization_id

    def run(self) -> None:
        """Return when every mailbox has ended.

        Raises
        ------
        botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError
            A call failed for good. The manifest has what is done; another run goes on.
        """
        self._progress.begin(len(self._manifest.mailboxes))
        for _ in self._manifest.in_state(*ENDED):
            self._progress.advance()
        self._find_started()
        while True:
            self._start_waiting()
            if not self._manifest.in_state("WAITING", "RUNNING"):
                return
            self._outside.sleep(POLL_SECONDS)
            for mailbox in self._manifest.in_state("RUNNING"):
                self._look(mailbox)

    def _find_started(self) -> None:
        """Find the jobs of calls whose answer never came.

        The call can be repeated with its token; but how long WorkMail remembers a token is not documented, so its list
        is asked first.
        """
        starting = self._manifest.in_state("STARTING")
        if not starting:
            return
        jobs = {job.get("Description"): job["JobId"] for job in self._jobs()}
        for mailbox in starting:
            job_id = jobs.get(_description(mailbox.token))
            if job_id is None:
                self._start(mailbox, mailbox.token)
            else:
                self._change(mailbox, state="RUNNING", job_id=job_id)

    def _start_waiting(self) -> None:
        for mailbox in self._manifest.in_state("WAITING"):
            if len(self._manifest.in_state("RUNNING")) >= self._at_once:
                return
            if not self._start(mailbox, self._outside.new_token()):
                return

    def _start(self, mailbox: Mailbox, token: str) -> bool:
        """Start a job; tell whether another one may be started now."""
        target = self._manifest.target
        self._change(mailbox, state="STARTING", token=token)
        try:
            job = self._client.start_mailbox_export_job(
                ClientToken=token,
                OrganizationId=self._organization_id,
                EntityId=mailbox.resource_id,
                Description=_description(token),
                RoleArn=target.role_arn,
                KmsKeyArn=target.kms_key_arn,
                S3BucketName=target.bucket,
                S3Prefix=target.prefix,
            )
        except ClientError as error:
            return self._refused(mailbox, error)
        self._change(mailbox, state="RUNNING", job_id=job["JobId"])
        return True

    def _refused(self, mailbox: Mailbox, error: ClientError) -> bool:
        code = code_of(error)
        # Where no job could be started, what is wrong is wrong for all of them.
        one_of_many = code == "InvalidParameterException" and bool(self._manifest.in_state("RUNNING", "COMPLETED"))
        if code == "EntityNotFoundException" or one_of_many:
            self._end(mailbox, "FAILED", error=f"{code}: {error.response['Error'].get('Message', '')}")
            return True
        if code != "LimitExceededException":
            # Another run repeats this call with the same token.
            raise error
        if any(job["State"] == "RUNNING" for job in self._jobs()):
            # Too many at once, ours or somebody else's; or this mailbox's own limit. Others first, then this one again.
            self._change(mailbox, state="WAITING", token="")
            self._manifest.mailboxes[mailbox.resource_id] = self._manifest.mailboxes.pop(mailbox.resource_id)
            return False
        self._end(mailbox, "FAILED", error=f"{code}: {_DAILY}")
        return True

    def _look(self, mailbox: Mailbox) -> None:
        """Take over what WorkMail shows of a running job."""
        try:
            job = self._client.describe_mailbox_export_job(OrganizationId=self._organization_id, JobId=mailbox.job_id)
        except ClientError as error:
            if code_of(error) != "EntityNotFoundException":
                raise
            self._end(mailbox, "FAILED", error="WorkMail does not show this job any more; look for its file in S3.")
            return
        facts = {
            "path": job.get("S3Path", ""),
            "started": _iso(job.get("StartTime")),
            "ended": _iso(job.get("EndTime")),
            "error": job.get("ErrorInfo", ""),
        }
        if job["State"] in ENDED:
            self._end(mailbox, job["State"], **facts)

    def _jobs(self) -> Iterator[dict[str, Any]]:
        # botocore has no paginator for this operation.
        more: dict[str, str] = {}
        while True:
            page: Any = self._client.list_mailbox_export_jobs(
                OrganizationId=self._organization_id, MaxResults=100, **more
            )
            yield from page["Jobs"]
            if not page.get("NextToken"):
                return
            more = {"NextToken": page["NextToken"]}

    def _end(self, mailbox: Mailbox, state: str, **facts: str) -> None:
        self._change(mailbox, state=state, **facts)
        self._progress.advance()

    def _change(self, mailbox: Mailbox, **changes: Any) -> None:
        self._manifest.change(mailbox.resource_id, **changes)
        self._outside.save(self._manifest)


def _description(token: str) -> str:
    """Return by what a job is found again."""
    return f"workmail-rooms export {token}"


def _iso(time: datetime | None) -> str:
    return "" if time is None else time.astimezone(UTC).isoformat(timespec="seconds")
