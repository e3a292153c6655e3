"""Delete: remove what the logical resource has in WorkMail, as far as the event's physical ID and the ledger say."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from workmail_resource.aws.errors import ServiceError
from workmail_resource.ownership.errors import LedgerUnavailableError, OvertakenError
from workmail_resource.ownership.rules import Entry, Record, is_resource_id, removal
from workmail_resource.protocol.errors import ProviderError
from workmail_resource.workmail.api import WorkMail
from workmail_resource.workmail.converge import remove
from workmail_resource.workmail.errors import InvalidPropertiesError
from workmail_resource.workmail.plan import plan
from workmail_resource.workmail.properties import declares_adopt, organization_id, parse

from .work import Work

_ORGANIZATION_GONE: Final = "OrganizationNotFoundException"
_ORGANIZATION_STATE: Final = "OrganizationStateException"


def delete(work: Work, *, abandon: bool) -> None:
    """Handle a Delete event.

    Parameters
    ----------
    abandon:
        The provider stack's parameter AbandonOnDelete: WorkMail is not called.
    """
    physical_id = work.event.physical_resource_id
    work.check_type()
    if abandon:
        _abandon(work)
        return
    record = _read(work)
    if record is None:
        _remove_unlisted(work, physical_id)
        return
    _clear(work, record)
    if is_resource_id(physical_id) and record.with_id(physical_id) is None:
        # Never changed or deleted: it is somebody else's by now, or was never ours.
        work.log("left alone: the ledger has no entry of this resource for this stack", resource_id=physical_id)


def _clear(work: Work, record: Record) -> None:
    """Remove what *record* holds, and what there is of it when somebody else was faster."""
    while True:
        try:
            for entry in record.entries:
                _remove(work, entry)
        except OvertakenError:
            record = work.ledger.read(work.owner)
        else:
            return


def _read(work: Work) -> Record | None:
    """Return what the ledger has of the resource.

    None when the ledger cannot be asked, and need not be: the physical ID is a resource's and nothing says adopted.
    """
    try:
        return work.cancel_earlier()
    except LedgerUnavailableError:
        if is_resource_id(work.event.physical_resource_id) and not declares_adopt(work.event.properties):
            return None
        raise


def _remove(work: Work, entry: Entry) -> None:
    adopt_declared = declares_adopt(work.event.properties)
    action = removal(entry, work.event, adopt_declared=adopt_declared, now=work.clock.time())
    workmail = work.workmail(entry.organization_id)
    match action:
        case "DELETE":
            with _content_without_organization(workmail):
                if entry.resource_id is None:
                    work.take_away(entry)
                else:
                    remove(workmail, entry.resource_id)
        case "RESTORE":
            with _content_without_organization(workmail):
                if not entry.settled or _is_as_declared(work, workmail, entry):
                    work.take_away(entry)
        case "RELEASE":
            pass
        case None:
            return
    try:
        work.ledger.forget(entry)
    except LedgerUnavailableError:
        # The resource is gone, which is what the answer says; whoever uses the entry finds that out.
        if action != "DELETE" or entry.resource_id is None:
            raise


def _is_as_declared(work: Work, workmail: WorkMail, entry: Entry) -> bool:
    """Tell whether an adopted resource is still as its adoption left it: only then it is put back."""
    room = workmail.describe(entry.resource_id or "")
    try:
        wanted = work.wanted(workmail, parse(work.event.properties))
    except (InvalidPropertiesError, ProviderError):
        return False
    return room is not None and not plan(workmail.with_lists(room), wanted)


def _remove_unlisted(work: Work, resource_id: str) -> None:
    """Delete the resource of the event's physical ID while the ledger cannot be asked about it."""
    organization = organization_id(work.event.properties)
    # Without a well-formed OrganizationId no resource can ever have been created.
    if organization is not None:
        workmail = work.workmail(organization)
        with _content_without_organization(workmail):
            remove(workmail, resource_id)


def _abandon(work: Work) -> None:
    """Let go of what the ledger has."""
    with work.reported("the ledger keeps its entry of an abandoned resource"):
        for entry in work.ledger.read(work.owner).entries:
            if removal(entry, work.event, adopt_declared=False, now=0) is not None:
                work.ledger.forget(entry)


@contextmanager
def _content_without_organization(workmail: WorkMail) -> Iterator[None]:
    """Be content when the whole organization is gone: then the resource is too.

    A deleted organization stays known for a while, and answers OrganizationStateException
    (hashicorp/terraform-provider-aws #47893).
    """
    try:
        yield
    except ServiceError as error:
        if error.code == _ORGANIZATION_GONE:
            return
        if error.code != _ORGANIZATION_STATE or not _is_deleted(workmail):
            raise


def _is_deleted(workmail: WorkMail) -> bool:
    try:
        return workmail.organization_state().casefold() == "deleted"
    except ServiceError as error:
        return error.code == _ORGANIZATION_GONE
