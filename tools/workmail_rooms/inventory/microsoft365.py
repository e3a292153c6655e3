"""A PowerShell script that makes the rooms in Microsoft 365. Pure.

It is written for the Exchange Online module, after Microsoft's references of New-Mailbox (Room, Equipment, Name,
DisplayName, PrimarySmtpAddress), Set-Mailbox (HiddenFromAddressListsEnabled, EmailAddresses with Add, where an address
without a type is an smtp one) and Set-CalendarProcessing, read in November 2026 in their sources
(https://github.com/MicrosoftDocs/office-docs-powershell). Run again, it makes nothing twice and sets the same again.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from workmail_rooms.inventory.moving import Domains, addresses_of, bookable
from workmail_rooms.inventory.resources import Resource

_HEAD: Final = """\
# Rooms and equipment of WorkMail organization {organization_id}, for Microsoft 365.
# Written by workmail-rooms inventory --format microsoft365. It can be run again: what is there is not made again.
#
#   Install-Module ExchangeOnlineManagement
#   Connect-ExchangeOnline
#
# Lines that begin with "# Not moved" say what Microsoft 365 has no equivalent of.
$ErrorActionPreference = 'Stop'
"""

#: PowerShell takes typographic apostrophes for the plain one
#: (https://learn.microsoft.com/powershell/module/microsoft.powershell.core/about/about_quoting_rules).
_APOSTROPHES: Final = re.compile("['\u2018\u2019\u201a\u201b]")


def as_script(organization_id: str, resources: Sequence[Resource], domains: Domains) -> bytes:
    """Return the script, with a byte order mark, by which Windows PowerShell knows UTF-8."""
    moved, left = bookable(resources)
    parts = [_HEAD.format(organization_id=organization_id)]
    parts += ["\n".join(_lines(one, domains)) + "\n" for one in moved]
    if left:
        names = ", ".join(one.room.name for one in left)
        parts.append(f"# Not moved, because they are disabled and have no address: {_comment(names)}\n")
    return "\n".join(parts).encode("utf-8-sig", "backslashreplace")


def _lines(resource: Resource, domains: Domains) -> Iterator[str]:
    room = resource.room
    address = domains.move(room.email or "")
    identity = _quoted(address)
    delegates, without = addresses_of(resource.delegates, domains)
    yield f"# {_comment(room.name)} ({room.resource_id})"
    for text in _not_moved(resource, without):
        yield f"# Not moved: {_comment(text)}"
    yield f"if (-not (Get-Mailbox -Identity {identity} -ErrorAction SilentlyContinue)) {{"
    kind = "-Room" if room.type == "ROOM" else "-Equipment"
    yield (
        f"    New-Mailbox {kind} -Name {_quoted(room.name)} -DisplayName {_quoted(room.name)} "
        f"-PrimarySmtpAddress {identity}"
    )
    yield "}"
    yield f"Set-Mailbox -Identity {identity} -HiddenFromAddressListsEnabled {_boolean(room.hidden)}"
    aliases = sorted(map(domains.move, room.aliases or ()))
    if aliases:
        yield f"Set-Mailbox -Identity {identity} -EmailAddresses @{{Add = {_list(aliases)}}}"
    yield f"Set-CalendarProcessing -Identity {identity} {' '.join(_processing(resource, delegates))}"


def _processing(resource: Resource, delegates: Sequence[str]) -> Iterator[str]:
    booking = resource.room.booking
    if booking.auto_accept_requests:
        yield "-AutomateProcessing AutoAccept -AllBookInPolicy $true -AllRequestInPolicy $false"
    elif delegates:
        # Example 4 of the reference: everybody may ask, and a delegate approves.
        yield "-AutomateProcessing AutoAccept -AllBookInPolicy $false -AllRequestInPolicy $true"
    else:
        # Nobody there can approve: requests stay tentative, and none is accepted unseen.
        yield "-AutomateProcessing AutoUpdate"
    yield f"-AllowRecurringMeetings {_boolean(not booking.auto_decline_recurring_requests)}"
    yield f"-AllowConflicts {_boolean(not booking.auto_decline_conflicting_requests)}"
    if delegates:
        yield f"-ResourceDelegates {_list(delegates)}"


def _not_moved(resource: Resource, without: Sequence[str]) -> Iterator[str]:
    if resource.room.description:
        yield f"Description {resource.room.description}"
    if without:
        yield f"Delegates without an address: {', '.join(without)}"
    if without and not resource.room.booking.auto_accept_requests and len(without) == len(resource.delegates):
        yield "AutoAcceptRequests is off, and no delegate can approve; name one with -ResourceDelegates"


def _boolean(value: bool) -> str:  # noqa: FBT001 - the value itself
    return "$true" if value else "$false"


def _list(texts: Iterable[str]) -> str:
    return ", ".join(map(_quoted, texts))


def _quoted(text: str) -> str:
    return "'" + _APOSTROPHES.sub(lambda match: match[0] * 2, text) + "'"


def _comment(text: str) -> str:
    """Return *text* in one line, so that nothing of it is ever run."""
    return "".join(one if one.isprintable() else " " for one in text)
