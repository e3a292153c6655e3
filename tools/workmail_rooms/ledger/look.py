"""Looking: what WorkMail has, and what CloudFormation counts. Every call is a read."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, Literal

from botocore.exceptions import ClientError

from workmail_resource.ownership.rules import StackView
from workmail_rooms.common.connection import WORKERS
from workmail_rooms.common.failures import code_of
from workmail_rooms.common.progress import Progress
from workmail_rooms.ledger.contents import Key, account_and_region
from workmail_rooms.ledger.damages import Evidence, Room
from workmail_rooms.ledger.table import Table

State = Literal["ACTIVE", "DELETED", "UNKNOWN"]

_UNKNOWN_ORGANIZATION: Final = "OrganizationNotFoundException"
_GONE: Final = "EntityNotFoundException"


def look(table: Table, workmail: Any, cloudformation: Any, *, now: Callable[[], float], progress: Progress) -> Evidence:
    """Look at everything.

    Rooms are read before the ledger that they are held against: an entry is written before its room is made.

    Parameters
    ----------
    workmail, cloudformation:
        Clients.
    now:
        Returns the seconds since the epoch.

    Raises
    ------
    botocore.exceptions.ClientError, botocore.exceptions.BotoCoreError
        A service could not be asked.
    """
    arn = table.arn()
    organizations = _active(workmail) | table.contents().organizations()
    rooms: dict[Key, Room] = {}
    states: dict[str, State] = {}
    for organization_id in sorted(organizations):
        states[organization_id] = _state(workmail, organization_id)
        if states[organization_id] == "ACTIVE":
            rooms |= _rooms(workmail, organization_id)
    contents = table.contents()
    own = account_and_region(arn)
    owners = [owner for owner in contents.owners() if account_and_region(owner) == own]
    known = {(entry.organization_id, entry.resource_id or "") for _, entry in contents.entries()}
    unseen = [key for key in sorted(known) if states.get(key[0]) == "ACTIVE" and key[1] and key not in rooms]
    progress.begin(len(owners) + len(unseen))
    # The list may show late what there is; a room counts as gone only when WorkMail says so.
    rooms |= {key: room for key in unseen if (room := _room(workmail, key, progress)) is not None}
    pool = ThreadPoolExecutor(WORKERS, "look")
    try:
        views = dict(zip(owners, pool.map(lambda owner: view(cloudformation, owner, progress), owners), strict=True))
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
    return Evidence(arn, contents, rooms, states, views, now())


def view(cloudformation: Any, owner: str, progress: Progress | None = None) -> StackView:
    """Return what CloudFormation shows of a logical resource."""
    stack_id, _, logical_id = owner.rpartition("|")
    try:
        detail = cloudformation.describe_stack_resource(StackName=stack_id, LogicalResourceId=logical_id)[
            "StackResourceDetail"
        ]
    except ClientError as error:
        if code_of(error) != "ValidationError" or "does not exist" not in str(error):
            raise
        detail = {}
    if progress is not None:
        progress.advance()
    return StackView(detail.get("PhysicalResourceId", ""), detail.get("ResourceStatus", ""))


def _active(workmail: Any) -> set[str]:
    pages = workmail.get_paginator("list_organizations").paginate()
    return {
        one["OrganizationId"] for page in pages for one in page["OrganizationSummaries"] if one["State"] == "Active"
    }


def _state(workmail: Any, organization_id: str) -> State:
    try:
        state = workmail.describe_organization(OrganizationId=organization_id)["State"]
    except ClientError as error:
        if code_of(error) != _UNKNOWN_ORGANIZATION:
            raise
        return "UNKNOWN"
    return "DELETED" if state.casefold() == "deleted" else "ACTIVE"


def _rooms(workmail: Any, organization_id: str) -> dict[Key, Room]:
    pages = workmail.get_paginator("list_resources").paginate(
        OrganizationId=organization_id, PaginationConfig={"PageSize": 100}
    )
    items: Iterable[Any] = (item for page in pages for item in page["Resources"] if item["State"] != "DELETED")
    return {(organization_id, item["Id"]): Room(item["Name"], item.get("Description") or "") for item in items}


def _room(workmail: Any, key: Key, progress: Progress) -> Room | None:
    try:
        found = workmail.describe_resource(OrganizationId=key[0], ResourceId=key[1])
    except ClientError as error:
        if code_of(error) != _GONE:
            raise
        found = {"State": "DELETED"}
    progress.advance()
    return None if found["State"] == "DELETED" else Room(found["Name"], found.get("Description") or "")
