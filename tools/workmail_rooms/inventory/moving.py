"""What the formats of the next system have in common. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from workmail_rooms.inventory.resources import Delegate, Resource


@dataclass(frozen=True, slots=True)
class Domains:
    """What becomes of addresses.

    Attributes
    ----------
    renamed:
        New domains by old ones, in lower case; others stay.
    """

    renamed: Mapping[str, str] = field(default_factory=dict)

    def move(self, address: str) -> str:
        """Return the address in the next system."""
        local, _, domain = address.rpartition("@")
        return f"{local}@{self.renamed.get(domain.casefold(), domain)}"


def bookable(resources: Iterable[Resource]) -> tuple[list[Resource], list[Resource]]:
    """Return the resources that have an address, and those that have none because they are disabled."""
    found = list(resources)
    with_address = [one for one in found if one.room.enabled and one.room.email]
    ids = {one.room.resource_id for one in with_address}
    return with_address, [one for one in found if one.room.resource_id not in ids]


def addresses_of(delegates: Iterable[Delegate], domains: Domains) -> tuple[list[str], list[str]]:
    """Return the addresses of delegates in the next system, and the names of those who have none."""
    addresses, without = [], []
    for one in delegates:
        if one.email:
            addresses.append(domains.move(one.email))
        else:
            without.append(one.spoken)
    return addresses, without
