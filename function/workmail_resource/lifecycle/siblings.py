"""Names and addresses that pass from one resource of a stack to another within one operation (contract 54).

CloudFormation updates the resources of a stack side by side. Who needs what a sibling still has waits for it; for an
exchange of two both would wait for ever, so the waiting ends with the event's time, and the Reason says what to do.
"""

from dataclasses import dataclass
from typing import Final

from workmail_resource.aws.errors import ServiceError
from workmail_resource.ownership.rules import describe_owner, stack_of
from workmail_resource.workmail.api import WorkMail
from workmail_resource.workmail.converge import Judge, Obstacle, converge, give_up
from workmail_resource.workmail.errors import AddressTakenError, NameTakenError
from workmail_resource.workmail.plan import Step
from workmail_resource.workmail.room import Room, Wanted

from .work import Work

#: Seconds for which WorkMail may still hold what was given up.
DELAY: Final = 30.0

#: Seconds for which a sibling is waited for, and the same in a rollback: there the sibling may be a new one, which
#: CloudFormation deletes only after everything else was rolled back. Lambda delivers an event again a minute after its
#: worker has died.
PATIENCE: Final = 150.0
ROLLBACK_PATIENCE: Final = 90.0

_EXCHANGE = (
    " and did not give it up in time; two resources cannot exchange what both have in one deployment: "
    "give one of them something else first, and deploy twice"
)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a name or an address.

    Attributes
    ----------
    text:
        For a person; empty when nobody has it.
    is_sibling:
        Whether it is a resource of the same stack.
    """

    text: str = ""
    is_sibling: bool = False

    @property
    def is_nobody(self) -> bool:
        """Whether nobody has it."""
        return not self.text


class Siblings:
    """Finds out who has what a resource needs.

    Parameters
    ----------
    otherwise:
        Asked about refusals that have nothing to do with a sibling.
    patience:
        Seconds.
    """

    def __init__(self, work: Work, workmail: WorkMail, otherwise: Judge = give_up, patience: float = PATIENCE) -> None:
        self._work = work
        self._workmail = workmail
        self._otherwise = otherwise
        #: What was found out last, by the subject of the step that was refused.
        self.found: dict[str, Holder] = {}
        self._until = work.clock.monotonic() + patience
        self._free_since: dict[str, float] = {}

    def judge(self, step: Step, error: ServiceError) -> Obstacle:
        """Let a step wait whose name or address a sibling has."""
        if error.code == "NameAvailabilityException":
            name = str(step.parameters["Name"])
            holder = self.name_holder(name, self._workmail.find(name))
        elif error.code == "EmailAddressInUseException":
            holder = self.address_holder(self._address(step))
        else:
            return self._otherwise(step, error)
        self.found[step.subject] = holder
        return "WAIT" if self.may_become_free(step.subject, holder) else self._otherwise(step, error)

    def _address(self, step: Step) -> str:
        """Return the address of a step; that of a new name, where WorkMail makes one of it."""
        address = step.parameters.get("Email") or step.parameters.get("Alias")
        if address is None:
            name, _, domain = str(step.parameters["Name"]).partition("@")
            address = f"{name}@{domain or self._workmail.default_domain()}"
        return str(address)

    def may_become_free(self, subject: str, holder: Holder) -> bool:
        """Tell whether it is worth while to wait: a sibling may give it up, and WorkMail what nobody has any more."""
        now = self._work.clock.monotonic()
        if not holder.is_nobody:
            self._free_since.pop(subject, None)
            return holder.is_sibling and now < self._until
        return now - self._free_since.setdefault(subject, now) < DELAY

    def name_holder(self, name: str, room: Room | None) -> Holder:
        """Return who has a name.

        Parameters
        ----------
        room:
            The resource of this name, if there is one.
        """
        if room is not None:
            return self._resource(room.resource_id, room.type)
        entity = self._workmail.entity_id(name)
        return Holder() if entity is None else Holder(f"the user or group {entity} has it")

    def address_holder(self, address: str) -> Holder:
        """Return who has an address."""
        entity = self._workmail.address_holder(address)
        if entity is None:
            return Holder()
        if entity.startswith("r-"):
            return self._resource(entity, "resource")
        return Holder(f"the user or group {entity} has it")

    def _resource(self, resource_id: str, kind: str) -> Holder:
        owner = self._work.ledger.holder(self._workmail.organization_id, resource_id)
        if owner is None:
            return Holder(f"the {kind} {resource_id} has it")
        if owner == self._work.owner:
            return Holder(f"the {kind} {resource_id} has it, which this logical resource had made before")
        sibling = stack_of(owner) == stack_of(self._work.owner)
        return Holder(f"the {kind} {resource_id}, {describe_owner(owner)}, has it", is_sibling=sibling)

    def explained(self, error: ServiceError) -> Exception:
        """Return the refusal of a name or an address with what was found out about who has it."""
        holder = self.found.get(error.subject)
        if holder is None:
            return error
        value = error.subject.partition(" ")[2]
        if error.code == "NameAvailabilityException":
            return name_taken(error, value, holder)
        if error.code == "EmailAddressInUseException":
            return AddressTakenError(_told(error, error.subject, holder), error.request_id)
        return error


def name_taken(error: ServiceError, name: str, holder: Holder) -> NameTakenError:
    """Return WorkMail's NameAvailabilityException with what was found out about who has the name."""
    return NameTakenError(_told(error, f"Name {name}", holder), error.request_id)


def _told(error: ServiceError, subject: str, holder: Holder) -> str:
    whose = holder.text or "nobody is shown to have it; WorkMail may give it free later"
    return f"{error.message} ({subject}: {whose}{_EXCHANGE if holder.is_sibling else ''})"


def bring(
    work: Work,
    workmail: WorkMail,
    room: Room,
    goal: Wanted,
    *,
    fresh: bool = False,
    otherwise: Judge = give_up,
    patience: float = PATIENCE,
) -> Room:
    """Bring *room* to its *goal* (:func:`~workmail_resource.workmail.converge.converge`), waiting for siblings.

    Raises
    ------
    NameTakenError, AddressTakenError
        Somebody else has the name or an address, and keeps it.
    """
    siblings = Siblings(work, workmail, otherwise, patience)
    try:
        return converge(workmail, room, goal, fresh=fresh, judge=siblings.judge, strict=otherwise is give_up)
    except ServiceError as error:
        raise siblings.explained(error) from error
