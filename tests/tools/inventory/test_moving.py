"""What the next system takes: a script that makes each room once, and a CSV with the columns of Google's upload."""

import csv
import io
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tools.inventory.exchange import Exchange
from tests.tools.inventory.support import ALICE, BOARD, ORGANIZATION, resource
from tests.tools.world import World, fill
from workmail_resource.workmail.properties import BookingOptions
from workmail_rooms.inventory.cli import main
from workmail_rooms.inventory.google import Building
from workmail_rooms.inventory.google import as_csv as google_csv
from workmail_rooms.inventory.microsoft365 import as_script
from workmail_rooms.inventory.moving import Domains

MOVED = Domains({"example.com": "example.org"})


def exchange(*resources: object, domains: Domains = MOVED) -> Exchange:
    """Return Exchange after the script for *resources* was run twice."""
    made = Exchange()
    script = as_script(ORGANIZATION, resources, domains)  # type: ignore[arg-type] # resources, as the builder makes them
    made.run(script)
    made.run(script)
    return made


# -------------------------------------------------------------------------------------------------------- Microsoft 365


def test_120_rooms_are_made_once_each(account: World) -> None:
    """The script for an organization of 120 rooms parses, and run twice it makes each enabled one once."""
    fill(account)
    assert main(["--format", "microsoft365", "--output-dir", "out", "--domain", "example.com=example.org"]) == 0
    script = Path("out/example-rooms.ps1").read_bytes()
    made = Exchange()
    made.run(script)
    first = {address: mailbox.settings.copy() for address, mailbox in made.mailboxes.items()}
    made.run(script)
    assert made.made == len(made.mailboxes) == 120
    assert {address: mailbox.settings for address, mailbox in made.mailboxes.items()} == first
    for entity in account.organization.listed("RESOURCE"):
        if entity.state != "ENABLED":
            assert entity.name.encode() in script.rpartition(b"# Not moved, because they are disabled")[2]
            continue
        assert entity.email is not None
        mailbox = made.mailboxes[entity.email.replace("example.com", "example.org").casefold()]
        assert mailbox.name == entity.name
        assert mailbox.aliases == {alias.replace("example.com", "example.org") for alias in entity.aliases}
        assert mailbox.settings["HiddenFromAddressListsEnabled"] == entity.hidden


def test_every_option_is_mapped() -> None:
    """Booking options, delegates, aliases and visibility arrive, each in the parameter of Microsoft's reference."""
    booking = BookingOptions(
        auto_accept_requests=False, auto_decline_recurring_requests=True, auto_decline_conflicting_requests=False
    )
    one = resource(ALICE, BOARD, type="EQUIPMENT", hidden=True, aliases=frozenset({"b@example.com"}), booking=booking)
    (mailbox,) = exchange(one).mailboxes.values()
    assert (mailbox.kind, mailbox.aliases) == ("Equipment", {"b@example.org"})
    assert mailbox.settings == {
        "HiddenFromAddressListsEnabled": True,
        "AutomateProcessing": "AutoAccept",
        "AllBookInPolicy": False,
        "AllRequestInPolicy": True,
        "AllowRecurringMeetings": False,
        "AllowConflicts": True,
        "ResourceDelegates": "alice@example.org",
    }


def test_a_room_that_accepts_by_itself() -> None:
    """A plain room accepts what its policy allows, without a delegate."""
    (mailbox,) = exchange(resource()).mailboxes.values()
    assert mailbox.kind == "Room"
    assert mailbox.settings == {
        "HiddenFromAddressListsEnabled": False,
        "AutomateProcessing": "AutoAccept",
        "AllBookInPolicy": True,
        "AllRequestInPolicy": False,
        "AllowRecurringMeetings": True,
        "AllowConflicts": False,
    }


def test_a_room_whose_delegates_have_no_address_accepts_nothing_unseen() -> None:
    """Where nobody can approve, requests stay tentative, and a comment says who is missing."""
    one = resource(BOARD, booking=BookingOptions(auto_accept_requests=False))
    (mailbox,) = exchange(one).mailboxes.values()
    assert mailbox.settings["AutomateProcessing"] == "AutoUpdate"
    assert "ResourceDelegates" not in mailbox.settings
    script = as_script(ORGANIZATION, [one], MOVED).decode()
    assert "# Not moved: Delegates without an address: board" in script
    assert "# Not moved: AutoAcceptRequests is off, and no delegate can approve" in script


@settings(deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=64),
    st.text(st.sampled_from("ab'\u2019\u201a`$\"\n;#(){} "), min_size=1, max_size=20),
)
def test_no_text_is_ever_run(description: str, name: str) -> None:
    """Whatever a description or a name has in it, the script has the same commands, and nothing else."""
    plain = as_script(ORGANIZATION, [resource()], MOVED)
    script = as_script(ORGANIZATION, [resource(description=description, name=name)], MOVED)
    # Typographic apostrophes end a string in PowerShell, which the grammar does not know.
    typographic = {"\u2019", "\u201a"} & set(name)
    made = Exchange()
    if not typographic and "\n" not in name:
        made.run(script)
        assert [mailbox.name for mailbox in made.mailboxes.values()] == [name]
    for apostrophe in typographic:
        assert script.decode().count(apostrophe) >= 2 * name.count(apostrophe)
    assert script.decode("utf-8-sig").count("\nif (") == plain.decode("utf-8-sig").count("\nif (")


# ----------------------------------------------------------------------------------------------------- Google Workspace

#: The first line of a file that was made for the Admin console's "Bulk upload resources":
#: https://github.com/nomalab/stationf-meeting-room/blob/master/conference_rooms_create_zone.csv
GOOGLE = (
    "Resource Id,Resource Name,Building Id,Resource Category,Resource Type,Floor Name,Capacity,Floor Section,"
    "User Visible Description,Description"
)


def rows(content: bytes) -> list[dict[str, str]]:
    """Read a CSV."""
    reader = csv.DictReader(io.StringIO(content.decode(), newline=""))
    found = list(reader)
    assert ",".join(reader.fieldnames or ()) == GOOGLE
    return found


def test_120_rooms_are_read_back(account: World, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    """The CSV for an organization of 120 rooms has a row for each enabled one, with the vendor's columns."""
    fill(account)
    where = ["--building", "HQ", "--floor", "1", "--capacity", "4"]
    assert main(["--format", "google", *where]) == 0
    out, err = capfdbinary.readouterr()
    found = {row["Resource Id"]: row for row in rows(out)}
    enabled = {one.id: one for one in account.organization.listed("RESOURCE") if one.state == "ENABLED"}
    assert found.keys() == enabled.keys()
    assert len(found) == 120
    for entity_id, entity in enabled.items():
        row = found[entity_id]
        room = row["Resource Category"] == "CONFERENCE_ROOM"
        assert row["Resource Name"] == entity.name
        assert (row["Building Id"], row["Floor Name"], row["Capacity"]) == (("HQ", "1", "4") if room else ("", "", ""))
        assert all(alias in row["Description"] for alias in [str(entity.email), *entity.aliases])
    assert b"Left out, because they are disabled and have no address: off-1, off-2." in err


def test_what_google_has_no_column_for_is_in_the_description_for_administrators() -> None:
    """Address, aliases, delegates, visibility and booking options are named there."""
    booking = BookingOptions(
        auto_accept_requests=False, auto_decline_recurring_requests=True, auto_decline_conflicting_requests=False
    )
    one = resource(
        ALICE, BOARD, description="=1+1\n2", hidden=True, aliases=frozenset({"b@example.com"}), booking=booking
    )
    (row,) = rows(google_csv([one], MOVED, Building("HQ", "1", 8)))
    assert row["User Visible Description"] == "=1+1 2"
    assert row["Description"] == (
        "WorkMail: boardroom@example.com. Aliases: b@example.com. Delegates: alice@example.org board. "
        "Hidden from the address list. Requests need approval. Declines recurring requests. "
        "Accepts conflicting requests."
    )


def test_google_needs_to_know_where_rooms_are(account: World, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a building nothing is written; equipment alone needs none."""
    account.room("beamer", Type="EQUIPMENT")
    assert main(["--format", "google", "--output-dir", "out"]) == 0
    account.room("boardroom")
    assert main(["--format", "google"]) == 2
    assert "--building ID, --floor NAME and --capacity N" in capsys.readouterr().err
    assert os.listdir("out") == ["example-rooms-google.csv"]  # noqa: PTH208 - names only


@pytest.mark.parametrize("wrong", ["example.com", "=a", "a=", "x@a=b"])
def test_a_domain_has_two_sides(wrong: str) -> None:
    """--domain takes the old and the new domain, and nothing else."""
    with pytest.raises(SystemExit, match="2"):
        main(["--format", "microsoft365", "--domain", wrong])
