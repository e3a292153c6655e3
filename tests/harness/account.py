"""What a test does to an account, and sees of it, wherever the function runs: in processes or in virtual time."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from tests.harness.answer import Answer
from tests.harness.interventions import Interventions
from tests.harness.shown import Shown
from workmail_rooms.sandbox.rooms import Room, rooms
from workmail_rooms.sandbox.seed import EXAMPLE, OTHER
from workmail_rooms.sandbox.services import Call
from workmail_rooms.sandbox.workmail import WorkMailBackend


class Account(ABC):
    """An account with the provider in it.

    Attributes
    ----------
    stack_id:
        Of the stack whose events are made.
    interventions:
        What happens to the function's calls.
    cloudformation:
        What CloudFormation shows.
    """

    stack_id: str
    interventions: Interventions
    cloudformation: Shown

    @abstractmethod
    def reset(self) -> None:
        """Begin anew: fresh organizations, an empty ledger, no interventions."""

    @abstractmethod
    def export_state(self) -> Mapping[str, Any]:
        """Return what the services hold."""

    @abstractmethod
    def import_state(self, state: Mapping[str, Any]) -> None:
        """Hold what ``export_state`` has returned."""

    @abstractmethod
    def event(
        self,
        request_type: str,
        *,
        properties: Mapping[str, Any] | None = None,
        old_properties: Mapping[str, Any] | None = None,
        logical_id: str = "Room",
        physical_id: str | None = None,
        request_id: str | None = None,
        signed_at: datetime | None = None,
        stack_id: str | None = None,
    ) -> dict[str, Any]:
        """Make an event with a ResponseURL of its own."""

    @abstractmethod
    def deliver(self, event: Mapping[str, Any]) -> Answer:
        """Send *event*, wait until the function is done with it, and return its one answer (contract 1)."""

    @abstractmethod
    def kill(self, event: Mapping[str, Any]) -> int:
        """End the workers that handle *event* at this moment; return how many."""

    @property
    @abstractmethod
    def workmail(self) -> WorkMailBackend:
        """WorkMail's backend: ``behaviour`` may be set, ``invoke`` makes a call off the record."""

    @abstractmethod
    def mark(self) -> int:
        """Return a mark for ``calls``: now."""

    @abstractmethod
    def calls(self, since: int | None = None) -> tuple[Call, ...]:
        """Return the calls since a mark, by default since the reset."""

    @abstractmethod
    def ledger(self) -> list[dict[str, Any]]:
        """Return the ledger's items as plain values."""

    def operations(self, since: int | None = None, service: str | None = None) -> list[str]:
        """Return the names of the calls since a mark."""
        return [call.operation for call in self.calls(since) if service in {None, call.service}]

    def writes(self, since: int | None = None, service: str = "workmail") -> list[str]:
        """Return the names of the calls since a mark that change something."""
        reading = ("Describe", "Get", "List", "Query", "Scan")
        return [name for name in self.operations(since, service) if not name.startswith(reading)]

    def rooms(self) -> list[Room]:
        """Return the live resources of all organizations, as they truly are."""
        return rooms(self.workmail)

    def room(self, name: str = "boardroom", organization_id: str = EXAMPLE) -> Room | None:
        """Return one live resource by its name."""
        return next((one for one in self.rooms() if (one.Name, one.OrganizationId) == (name, organization_id)), None)

    def describe(self, resource_id: str, organization_id: str = EXAMPLE) -> dict[str, Any]:
        """Return everything that an organization holds of a resource, except dates: for exact comparison.

        Aliases and delegates are sets, so they are sorted.
        """
        with self.workmail.lock:
            state = self.workmail.organization(organization_id).entities[resource_id].export()
        return {
            key: sorted(value) if isinstance(value, list) else value
            for key, value in state.items()
            if not key.endswith("_date")
        }

    def state(self) -> dict[str, Any]:
        """Return everything that both organizations hold, ghosts left out and dates too: for exact comparison."""
        with self.workmail.lock:
            return {
                entity: self.describe(entity, organization)
                for organization in (EXAMPLE, OTHER)
                for entity, held in self.workmail.organization(organization).entities.items()
                if held.state != "DELETED"
            }

    def create_room(self, name: str = "boardroom", *, organization_id: str = EXAMPLE, **attributes: Any) -> str:
        """Make a resource that is nobody's, off the record, and return its id.

        Parameters
        ----------
        attributes:
            ``Type``, ``Description``, and ``Email`` to register it.
        """
        within = {"OrganizationId": organization_id}
        email = attributes.pop("Email", None)
        request = {**within, "Name": name, "Type": "ROOM", **attributes}
        resource_id = str(self.workmail.invoke("CreateResource", request)["ResourceId"])
        if email is not None:
            self.workmail.invoke("RegisterToWorkMail", {**within, "EntityId": resource_id, "Email": email})
        return resource_id

    def delete_room(self, resource_id: str, organization_id: str = EXAMPLE) -> None:
        """Remove a resource behind everybody's back, off the record."""
        within = {"OrganizationId": organization_id}
        if self.describe(resource_id, organization_id)["state"] == "ENABLED":
            self.workmail.invoke("DeregisterFromWorkMail", {**within, "EntityId": resource_id})
        self.workmail.invoke("DeleteResource", {**within, "ResourceId": resource_id})

    def disable_user(self, name: str) -> str:
        """Disable a user, off the record, and return its id."""
        with self.workmail.lock:
            entities = self.workmail.organization(EXAMPLE).entities
            user: str = next(one.id for one in entities.values() if getattr(one, "name", "") == name)
        self.workmail.invoke("DeregisterFromWorkMail", {"OrganizationId": EXAMPLE, "EntityId": user})
        return user

    def remove_user(self, name: str) -> None:
        """Let a user leave the organization, off the record."""
        self.workmail.invoke("DeleteUser", {"OrganizationId": EXAMPLE, "UserId": self.disable_user(name)})

    def entries(self) -> list[dict[str, Any]]:
        """Return what the ledger has of resources: each entry of a record, and each claim; no tombstones."""
        found: list[dict[str, Any]] = []
        for item in self.ledger():
            if item["Entry"] == "claim":
                found.append(item)
            elif item["Entry"] == "record":
                found += [{"Owner": item["Owner"], "Entry": "entry", **entry} for entry in json.loads(item["Entries"])]
            elif item["Entry"] != "cancelled":
                found.append(item)
        return found

    def leases(self) -> list[str]:
        """Return the owners in whose records somebody is at work."""
        return [item["Owner"] for item in self.ledger() if item.get("Worker")]
