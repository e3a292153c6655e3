"""The schema is sound, and says what the reference says."""

import json
import re
from collections.abc import Mapping
from typing import Any

import pytest
from jsonschema import Draft7Validator  # type: ignore[import-untyped] # jsonschema ships no types

from tests.e2e.documents import ROOT, code, document
from workmail_resource.workmail.properties import BOOKING_KEYS, BookingOptions
from workmail_resource.workmail.room import Room, attributes

SCHEMA = json.loads((ROOT / "tools/workmail_rooms/schema/custom-workmailresource.json").read_text())
REFERENCE = document("docs/custom-workmailresource.md")
DOCUMENTED = {
    heading.strip("`"): dict(re.findall(r"^- \*(.+?)\*: (.+)$", REFERENCE.section(heading), re.MULTILINE))
    for level, heading in REFERENCE.headings()
    if level == 4 and heading.startswith("`")
}
READ_ONLY = {pointer.rpartition("/")[2] for pointer in SCHEMA["readOnlyProperties"]}
WRITABLE = {name: facts for name, facts in SCHEMA["properties"].items() if name not in READ_ONLY}


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema with what it refers to."""
    target = schema.get("$ref", "").rpartition("/")[2]
    return {**schema, **SCHEMA["definitions"][target]} if target else schema


def test_the_schema_is_a_json_schema() -> None:
    """It keeps to draft 7, and each pointer in it leads to a property."""
    Draft7Validator.check_schema(SCHEMA)
    for pointers in ("primaryIdentifier", "readOnlyProperties", "createOnlyProperties"):
        for pointer in SCHEMA[pointers]:
            assert pointer.removeprefix("/properties/") in SCHEMA["properties"]
    assert all(facts["description"] for facts in SCHEMA["properties"].values())


def test_the_attributes_are_those_of_the_function() -> None:
    """The schema, the reference and the function have the same attributes; the read-only ones are among them."""
    room = Room(resource_id="r-1", name="boardroom", type="ROOM", state="DISABLED")
    names = list(SCHEMA["definitions"]["Attributes"]["properties"])
    assert names == list(attributes(room, "m-1"))
    assert names == [code(row[0])[0] for row in REFERENCE.table("Fn::GetAtt", "Attribute").rows]
    assert set(names) - set(WRITABLE) == READ_ONLY


def test_booking_options_have_the_function_s_keys_and_defaults() -> None:
    """The booking options of the schema are the function's, with their defaults."""
    options = SCHEMA["definitions"]["BookingOptions"]["properties"]
    assert list(options) == list(BOOKING_KEYS)
    booking = BookingOptions()
    assert [facts["default"] for facts in options.values()] == [
        booking.auto_accept_requests,
        booking.auto_decline_recurring_requests,
        booking.auto_decline_conflicting_requests,
    ]


@pytest.mark.parametrize("seconds", [1, 9, 10, 300, 999, 1000, 2999, 3000, 3599, 3600])
def test_a_service_timeout_is_a_number_or_its_text(seconds: int) -> None:
    """Seconds from 1 to 3600 are taken as a number and as a text, and none beside them."""
    validator = Draft7Validator(SCHEMA["properties"]["ServiceTimeout"])
    assert validator.is_valid(seconds)
    assert validator.is_valid(str(seconds))
    for wrong in (0, 3601, "0", "3601", "-1", "1.5", "600 ", "", True):
        assert not validator.is_valid(wrong)
