"""Reading an organization. Every call is a read."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from workmail_resource.workmail.api import as_room
from workmail_rooms.common.connection import WORKERS
from workmail_rooms.common.failures import DENIED, code_of
from workmail_rooms.common.progress import Progress
from workmail_rooms.inventory.resources import Delegate, Resource, in_order

if TYPE_CHECKING:
    from mypy_boto3_workmail import WorkMailClient

#: The permissions that reading needs. The last two only give delegates their names.
PERMISSIONS: Final = (
    "workmail:ListOrganizations",
    "workmail:DescribeOrganization",
    "workmail:ListResources",
    "workmail:DescribeResource",
    "workmail:ListAliases",
    "workmail:ListResourceDelegates",
    "workmail:DescribeUser",
    "workmail:DescribeGroup",
)

#: What a call about a resource, user or group that is not there any more answers.
_GONE: Final = frozenset({"EntityNotFoundException", "EntityStateException"})


class Reader:
    """Reads the resources of one organization.

    Parameters
    ----------
    client:
        A boto3 client for ``workmail``, which tries throttled calls again.
    organization_id:
        Every call is about this organization.
    progress:
        Is told of every resource.

    Attributes
    ----------
    denied:
        The reads of users and groups that were not allowed. What they would have told is missing.

    Every method raises botocore's errors.
    """

    def __init__(self, client: "WorkMailClient", organization_id: str, progress: Progress) -> None:
        self._client = client
        self._organization_id = organization_id
        self._progress = progress
        self.denied: set[str] = set()

    def resources(self, *, name_delegates: bool = True) -> tuple[Resource, ...]:
        """Return all live resources in order; one that vanishes while it is read is left out.

        Parameters
        ----------
        name_delegates:
            Whether the users and groups that are delegates are read, too.
        """
        # A page may move while the pages are read, and show a resource again.
        ids = list(dict.fromkeys(self._ids()))
        self._progress.begin(len(ids))
        pool = ThreadPoolExecutor(WORKERS, "read")
        try:
            found = []
            for resource in pool.map(self._resource, ids):
                self._progress.advance()
                if resource is not None:
                    found.append(resource)
            delegates = {delegate for resource in found for delegate in resource.delegates}
            named = self._named(delegates, pool) if name_delegates else {one: one for one in delegates}
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
        return in_order(replace(one, delegates=tuple(named[delegate] for delegate in one.delegates)) for one in found)

    def _ids(self) -> Iterable[str]:
        pages = self._client.get_paginator("list_resources").paginate(
            OrganizationId=self._organization_id, PaginationConfig={"PageSize": 100}
        )
        return [item["Id"] for page in pages for item in page["Resources"] if item["State"] != "DELETED"]

    def _resource(self, resource_id: str) -> Resource | None:
        description = self._describe(resource_id)
        if description is None:
            return None
        room = as_room(description)
        try:
            aliases, delegates = self._aliases(resource_id), self._delegates(resource_id)
        except ClientError as error:
            if code_of(error) not in _GONE:
                raise
            description = self._describe(resource_id)
            if description is None:
                return None
            room = as_room(description)
            if room.enabled:
                raise
            aliases, delegates = [], []
        return Resource(
            room=room.listing(aliases=aliases, delegates=(one.id for one in delegates)),
            delegates=tuple(delegates),
            enabled_date=description.get("EnabledDate"),
            disabled_date=description.get("DisabledDate"),
        )

    def _describe(self, resource_id: str) -> dict[str, Any] | None:
        """Return what DescribeResource answers; None when the resource is deleted."""
        try:
            response: Any = self._client.describe_resource(OrganizationId=self._organization_id, ResourceId=resource_id)
        except ClientError as error:
            if code_of(error) != "EntityNotFoundException":
                raise
            return None
        return None if response["State"] == "DELETED" else response

    def _aliases(self, resource_id: str) -> list[str]:
        pages = self._client.get_paginator("list_aliases").paginate(
            OrganizationId=self._organization_id, EntityId=resource_id, PaginationConfig={"PageSize": 100}
        )
        return [alias for page in pages for alias in page["Aliases"]]

    def _delegates(self, resource_id: str) -> list[Delegate]:
        pages = self._client.get_paginator("list_resource_delegates").paginate(
            OrganizationId=self._organization_id, ResourceId=resource_id, PaginationConfig={"PageSize": 100}
        )
        found = {item["Id"]: Delegate(item["Id"], item["Type"]) for page in pages for item in page["Delegates"]}
        return [found[delegate_id] for delegate_id in sorted(found)]

    def _named(self, delegates: set[Delegate], pool: ThreadPoolExecutor) -> dict[Delegate, Delegate]:
        """Return *delegates* with their names: a resource's list has ids only."""
        return dict(zip(delegates, pool.map(self._name, delegates), strict=True))

    def _name(self, delegate: Delegate) -> Delegate:
        try:
            response: Any = (
                self._client.describe_group(OrganizationId=self._organization_id, GroupId=delegate.id)
                if delegate.type == "GROUP"
                else self._client.describe_user(OrganizationId=self._organization_id, UserId=delegate.id)
            )
        except ClientError as error:
            if code_of(error) in DENIED:
                self.denied.add(error.operation_name)
            elif code_of(error) not in _GONE:
                raise
            return delegate
        return replace(delegate, name=response.get("Name"), email=response.get("Email"))
