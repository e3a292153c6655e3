"""StartMailboxExportJob, DescribeMailboxExportJob, ListMailboxExportJobs, CancelMailboxExportJob.

https://docs.aws.amazon.com/workmail/latest/adminguide/mail-export.html. Nothing is written to S3.
"""

from workmail_rooms.sandbox.workmail.account import Account, Output, Params
from workmail_rooms.sandbox.workmail.exceptions import EntityNotFoundError, InvalidParameterError, LimitExceededError
from workmail_rooms.sandbox.workmail.organization import Entity, ExportJob, Organization, Resource, User
from workmail_rooms.sandbox.workmail.paging import page

from .entities import ANY_FORM, lookup, present
from .organizations import once

_DAY = 24 * 60 * 60
#: "The mailbox export jobs started for the specified organization within the last seven days" (ListMailboxExportJobs).
_LISTED = 7 * _DAY


def start_mailbox_export_job(account: Account, organization: Organization, request: Params) -> Output:
    """Start a job, which runs for as long as `ExportJobs.seconds`."""

    def start() -> Output:
        entity = _mailbox(organization, request["EntityId"])
        _check_region(account, request["KmsKeyArn"])
        _check_limits(account, organization, entity)
        job = ExportJob(
            id=account.new_uuid(),
            sequence=len(organization.export_jobs) + 1,
            entity_id=entity.id,
            description=request.get("Description"),
            role_arn=request["RoleArn"],
            kms_key_arn=request["KmsKeyArn"],
            bucket=request["S3BucketName"],
            prefix=request["S3Prefix"],
            start=account.now(),
            seconds=account.behaviour.export_jobs.seconds,
            fails=entity.name in account.behaviour.export_jobs.failing,
        )
        organization.export_jobs[job.id] = job
        return {"JobId": job.id}

    return once(account, "StartMailboxExportJob", request, start)


def _mailbox(organization: Organization, reference: str) -> Entity:
    entity = lookup(organization, reference, Entity, ANY_FORM)
    if not isinstance(entity, User | Resource) or entity.state == "DELETED":
        raise EntityNotFoundError(f"Identifier: {reference}.")
    if entity.enabled_date is None:
        # No error for this is known; EntityStateException is not modelled.
        raise InvalidParameterError(f"Identifier: {reference} was never registered, so it has no mailbox.")
    return entity


def _check_region(account: Account, key_arn: str) -> None:
    # "The following resources must all be in the same AWS Region" (mail-export). The bucket's is not in its name.
    region = key_arn.split(":")[3]
    if region != account.region:
        raise InvalidParameterError(f"KmsKeyArn: the key is in {region}, the organization in {account.region}.")


def _check_limits(account: Account, organization: Organization, entity: Entity) -> None:
    now, limits = account.now(), account.behaviour.export_jobs
    jobs = organization.export_jobs.values()
    if sum(job.state(now) == "RUNNING" for job in jobs) >= limits.at_once:
        raise LimitExceededError(f"Mailbox export jobs at the same time: {limits.at_once}.")
    counted = (
        ("RUNNING", "COMPLETED") if limits.daily == "completed" else ("RUNNING", "COMPLETED", "FAILED", "CANCELLED")
    )
    if any(job.entity_id == entity.id and now - job.start < _DAY and job.state(now) in counted for job in jobs):
        raise LimitExceededError(f"Identifier: {entity.id} was exported within the last 24 hours.")


def describe_mailbox_export_job(account: Account, organization: Organization, request: Params) -> Output:
    """Show a job, however old it is."""
    job, now = _job(organization, request["JobId"]), account.now()
    return _summary(job, now) | present(
        RoleArn=job.role_arn, KmsKeyArn=job.kms_key_arn, S3Prefix=job.prefix, ErrorInfo=job.error(now)
    )


def list_mailbox_export_jobs(account: Account, organization: Organization, request: Params) -> Output:
    """List the jobs of the last seven days, oldest first."""
    now = account.now()
    return page(
        list(organization.export_jobs.values()),
        request,
        result_key="Jobs",
        key=lambda job: job.sequence,
        view=lambda job: {"JobId": job.id} | _summary(job, now) if now - job.start < _LISTED else None,
        page_size=account.behaviour.page_size,
    )


def cancel_mailbox_export_job(account: Account, organization: Organization, request: Params) -> Output:
    """Cancel a job; one that has ended stays as it is, since the operation is idempotent."""

    def cancel() -> Output:
        job, now = _job(organization, request["JobId"]), account.now()
        if job.state(now) == "RUNNING":
            job.cancelled = now
        return {}

    return once(account, "CancelMailboxExportJob", request, cancel)


def _job(organization: Organization, job_id: str) -> ExportJob:
    try:
        return organization.export_jobs[job_id]
    except KeyError:
        raise EntityNotFoundError(f"Mailbox export job: {job_id}.") from None


def _summary(job: ExportJob, now: float) -> Output:
    state = job.state(now)
    return present(
        EntityId=job.entity_id,
        Description=job.description,
        S3BucketName=job.bucket,
        S3Path=job.path,
        EstimatedProgress=job.progress(now),
        State=state,
        StartTime=job.start,
        EndTime=None if state == "RUNNING" else job.end,
    )
