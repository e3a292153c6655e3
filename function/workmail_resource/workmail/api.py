"""The WorkMail API, as far as it is used here: one method for each call, for one organization.

https://docs.aws.amazon.com/workmail/latest/APIReference/API_Operations.html
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from workmail_resource.aws.calls import Caller
from workmail_resource.aws.errors import ServiceError
from workmail_resource.protocol.clock import Deadline

from .errors import DisabledDelegateError
from .plan import Step, same_name
from .properties import BookingOptions, Declaration
from .room import Room

_NOT_FOUND: Final = "EntityNotFoundException"
_PAGE: Final = 100


class WorkMail:
    """The resources of one organization.

    Parameters
    ----------
    caller:
        On a boto3 client for ``workmail``.
    organization_id:
        Every call is about this organization.
    guard:
        Called before each try of a call that changes something.

    Every method raises what :meth:`~workmail_resource.aws.calls.Caller.call` raises.
    """

    def __init__(
        self,
        caller: Caller,
        organization_id: str,
        guard: Callable[[], None] | None = None,
        *,
        _looked_up: dict[str, tuple[str, str]] | None = None,
    ) -> None:
        self._caller = caller
        self._guard = guard
        self.organization_id = organization_id
        # What each user or group was asked for by, and its state; by that and by id.
        self._looked_up: dict[str, tuple[str, str]] = {} if _looked_up is None else _looked_up

    @property
    def deadline(self) -> Deadline:
        """By when the work has to stop."""
        return self._caller.deadline

    @property
    def caller(self) -> Caller:
        """Who makes the calls."""
        return self._caller

    def within(self, deadline: Deadline) -> "WorkMail":
        """Return the same organization with another deadline."""
        return WorkMail(self._caller.within(deadline), self.organization_id, self._guard, _looked_up=self._looked_up)

    def guarded(self, guard: Callable[[], None]) -> "WorkMail":
        """Return the same organization, with a *guard* that is called before each try of a call that changes something.

        It may raise to forbid it.
        """
        return WorkMail(self._caller, self.organization_id, guard, _looked_up=self._looked_up)

    def create(self, declaration: Declaration, description: str) -> Room:
        """Create the resource, DISABLED, with *description* in place of the declared one.

        Raises
        ------
        DisabledDelegateError
            A declared delegate was looked up, and is disabled. Nothing was called.
        """
        self.refuse_disabled(declaration.delegates)
        response = self._call(
            "CreateResource",
            {
                "Name": declaration.name,
                "Type": declaration.type,
                "Description": description,
                "HiddenFromGlobalAddressList": declaration.hidden,
            },
            subject=f"Name {declaration.name}",
        )
        return Room(
            resource_id=response["ResourceId"],
            name=declaration.name,
            type=declaration.type,
            state="DISABLED",
            description=description,
            hidden=declaration.hidden,
            aliases=frozenset(),
            delegates=frozenset(),
        )

    def describe(self, resource: str) -> Room | None:
        """Return the live resource with this id (or name), without its lists; None when there is none.

        WorkMail goes on describing a deleted resource for an unknown time, with State DELETED.
        """
        try:
            response = self._call("DescribeResource", {"ResourceId": resource}, subject=f"resource {resource}")
        except ServiceError as error:
            if error.code == _NOT_FOUND:
                return None
            raise
        return None if response["State"] == "DELETED" else as_room(response)

    def read(self, resource_id: str) -> Room | None:
        """Return the live resource with this id, with its lists; None when there is none, or none any more."""
        room = self.describe(resource_id)
        try:
            return None if room is None else self.with_lists(room)
        except ServiceError:
            if self.describe(resource_id) is None:
                return None
            raise

    def with_lists(self, room: Room) -> Room:
        """Return *room* with its aliases and delegates read; a disabled one has none that count."""
        if not room.enabled:
            return room._replace(aliases=frozenset(), delegates=frozenset())
        return self._listed(room)

    def with_kept_lists(self, room: Room) -> Room:
        """Return *room* with what WorkMail keeps of its aliases and delegates, even while it is disabled."""
        try:
            return self._listed(room)
        except ServiceError as error:
            if room.enabled or error.code != "EntityStateException":
                raise
            return self.with_lists(room)

    def _listed(self, room: Room) -> Room:
        delegates = self._pages("ListResourceDelegates", {"ResourceId": room.resource_id}, "Delegates")
        aliases = self._pages("ListAliases", {"EntityId": room.resource_id}, "Aliases")
        return room.listing(aliases=aliases, delegates=(delegate["Id"] for delegate in delegates))

    def find(self, name: str) -> Room | None:
        """Return the live resource of this name; None when no resource has it.

        DescribeResource takes a name too, but what it answers while a deleted resource of the same name is still shown
        is unknown; the list, filtered by the name as prefix, is asked when it did not find the live one.
        """
        room = self.describe(name)
        if room is not None and same_name(room.name, name):
            return room
        for item in self._pages("ListResources", {"Filters": {"NamePrefix": name}}, "Resources"):
            if same_name(item["Name"], name) and item["State"] != "DELETED":
                return self.describe(item["Id"])
        return None

    def entity_id(self, identifier: str) -> str | None:
        """Return the id of the user or group with this id, name or address; None when there is none."""
        for operation, key in (("DescribeUser", "UserId"), ("DescribeGroup", "GroupId")):
            try:
                response = self._call(operation, {key: identifier}, subject=f"delegate {identifier}")
            except ServiceError as error:
                if error.code != _NOT_FOUND:
                    raise
            else:
                state = response.get("State", "")
                if state != "DELETED":
                    entity_id = str(response[key])
                    self._looked_up.update(dict.fromkeys((identifier, entity_id), (identifier, state)))
                    return entity_id
        return None

    def refuse_disabled(self, delegates: Iterable[str], *, look_up: bool = False) -> None:
        """Refuse delegates that are disabled or deleted, as far as it is known.

        WorkMail would refuse each with an EntityStateException, which it also answers while its own changes do not show
        yet; so it would be asked again for a minute before the plain truth is told.

        Parameters
        ----------
        delegates:
            Ids, names or addresses.
        look_up:
            Whether to look those up whose state is not known, which takes up to two calls for each.

        Raises
        ------
        DisabledDelegateError
            One of them is.
        """
        for delegate in delegates:
            if look_up and delegate not in self._looked_up and self.entity_id(delegate) is None:
                self._looked_up[delegate] = (delegate, "DELETED")
            declared, state = self._looked_up.get(delegate, (delegate, ""))
            if state in {"DISABLED", "DELETED"}:
                raise DisabledDelegateError(
                    f"Delegates names {declared}, who is {state.casefold()} in organization {self.organization_id}"
                )

    def address_holder(self, address: str) -> str | None:
        """Return the id of the entity that has this address, also as an alias; None when nobody has it."""
        try:
            response = self._call("DescribeEntity", {"Email": address}, subject=f"address {address}")
        except ServiceError as error:
            if error.code != _NOT_FOUND:
                raise
            return None
        return str(response["EntityId"])

    def execute(self, step: Step) -> None:
        """Make the call that *step* describes."""
        self._call(step.operation, step.parameters, subject=step.subject)

    def deregister(self, resource_id: str) -> None:
        """Disable the resource; its mailbox is kept for 30 days."""
        self._call("DeregisterFromWorkMail", {"EntityId": resource_id}, subject=f"resource {resource_id}")

    def delete(self, resource_id: str) -> None:
        """Delete the resource, which has to be disabled. Always by id: a name may be somebody else's by now."""
        self._call("DeleteResource", {"ResourceId": resource_id}, subject=f"resource {resource_id}")

    def organization_state(self) -> str:
        """Return the organization's state, such as ``Active`` or ``Deleted``."""
        return str(self._call("DescribeOrganization", {}, subject=f"organization {self.organization_id}")["State"])

    def default_domain(self) -> str | None:
        """Return the mail domain that new addresses of the organization get; None when it does not say."""
        response = self._call("DescribeOrganization", {}, subject=f"organization {self.organization_id}")
        return response.get("DefaultMailDomain") or None

    def _pages(self, operation: str, parameters: Mapping[str, Any], key: str) -> Iterator[Any]:
        token: dict[str, str] = {}
        while True:
            response = self._call(operation, {**parameters, **token, "MaxResults": _PAGE})
            yield from response.get(key, ())
            if not response.get("NextToken"):
                return
            token = {"NextToken": response["NextToken"]}

    def _call(self, operation: str, parameters: Mapping[str, Any], *, subject: str = "") -> dict[str, Any]:
        reads = operation.startswith(("Describe", "List"))
        return self._caller.call(
            operation,
            {"OrganizationId": self.organization_id, **parameters},
            subject=subject,
            before=None if reads else self._guard,
        )


def as_room(response: Mapping[str, Any]) -> Room:
    """Return the resource that an answer of DescribeResource shows, without its lists."""
    return Room(
        resource_id=response["ResourceId"],
        name=response["Name"],
        type=response["Type"],
        state=response["State"],
        email=response.get("Email"),
        description=response.get("Description") or None,
        hidden=response.get("HiddenFromGlobalAddressList", False),
        booking=BookingOptions.of(response.get("BookingOptions") or {}),
    )
