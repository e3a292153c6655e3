from typing import Any

import botocore.session
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.tools.lint.property_sets import descriptions
from tests.unit.workmail_resource.support import DELEGATE, ORGANIZATION
from workmail_resource.workmail.errors import InvalidPropertiesError
from workmail_resource.workmail.properties import BookingOptions, Declaration, declares_adopt, organization_id, parse
from workmail_resource.workmail.table import DELEGATE as DELEGATE_FORM
from workmail_resource.workmail.table import DESCRIPTION, NAME, PROPERTIES

LEAST: dict[str, Any] = {"OrganizationId": ORGANIZATION, "Name": "boardroom", "Type": "ROOM"}
REGISTERED = {**LEAST, "Email": "boardroom@example.com"}
MODEL = botocore.session.Session().get_service_model("workmail")

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=4,
)
KEYS = [one.name for one in PROPERTIES]


def problems(properties: dict[str, Any]) -> list[str]:
    """Return what is wrong with *properties*; the test fails when nothing is."""
    with pytest.raises(InvalidPropertiesError) as raised:
        parse(properties)
    return list(raised.value.problems)


def modelled(shape: str) -> Any:
    """Return what the service model says of a string *shape*: its pattern and its lengths."""
    return MODEL.shape_for(shape).metadata


def test_parse_the_least() -> None:
    """Three properties are enough; the rest is as a new WorkMail resource has it, and nothing is adopted."""
    assert parse(LEAST) == Declaration(
        organization_id=ORGANIZATION,
        name="boardroom",
        type="ROOM",
        description=None,
        hidden=False,
        email=None,
        aliases=(),
        booking=BookingOptions(
            auto_accept_requests=True,
            auto_decline_recurring_requests=False,
            auto_decline_conflicting_requests=True,
        ),
        delegates=(),
        existing="FAIL",
    )


def test_parse_everything() -> None:
    """Every property of the reference is read, from strings as CloudFormation sends them."""
    assert parse(
        {
            "ServiceToken": "arn:aws:lambda:eu-west-1:123456789012:function:provider",
            "ServiceTimeout": "600",
            "OrganizationId": ORGANIZATION,
            "Name": "beam@example.com",
            "Type": "EQUIPMENT",
            "Description": "on the second floor",
            "HiddenFromGlobalAddressList": "true",
            "Email": "beam@example.com",
            "Aliases": ["beamer@example.com", "Video@example.com"],
            "BookingOptions": {
                "AutoAcceptRequests": "false",
                "AutoDeclineRecurringRequests": "true",
                "AutoDeclineConflictingRequests": "false",
            },
            "Delegates": [DELEGATE, "facilities", "anna@example.com"],
            "ExistingResource": "ADOPT",
        }
    ) == Declaration(
        organization_id=ORGANIZATION,
        name="beam@example.com",
        type="EQUIPMENT",
        description="on the second floor",
        hidden=True,
        email="beam@example.com",
        aliases=("beamer@example.com", "Video@example.com"),
        booking=BookingOptions(
            auto_accept_requests=False,
            auto_decline_recurring_requests=True,
            auto_decline_conflicting_requests=False,
        ),
        delegates=(DELEGATE, "facilities", "anna@example.com"),
        existing="ADOPT",
    )


@pytest.mark.parametrize("value", ["yes", "1", "0", "", "on", " true", "true\n", "\uff54rue", 1, 0, None, [], {}])
def test_parse_refuses_all_other_booleans(value: object) -> None:
    """Nothing else is a boolean, at the top or inside BookingOptions (contract 43)."""
    assert problems(
        {
            **LEAST,
            "HiddenFromGlobalAddressList": value,
            "BookingOptions": {"AutoDeclineRecurringRequests": value},
        }
    ) == [
        f"HiddenFromGlobalAddressList is {value!r}; it must be true or false",
        f"BookingOptions.AutoDeclineRecurringRequests is {value!r}; it must be true or false",
    ]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"Name": ""}, "Name is empty; give it a value, or leave it out (AWS::NoValue in a condition)"),
        ({"Name": 12}, "Name must be a string, not a number"),
        ({"Name": None}, "Name must be a string, not null"),
        ({"Name": ["a"]}, "Name must be a string, not a list"),
        ({"Name": "x" * 21}, "Name has 21 characters; at most 20 are allowed"),
        (
            {"Name": "Board Room"},
            (
                "Name is 'Board Room'; it must be letters, digits, '_', '-' and '.', without spaces, "
                "optionally followed by @ and a domain"
            ),
        ),
        (
            {"OrganizationId": "m-123"},
            "OrganizationId is 'm-123'; it must be m- followed by 32 hexadecimal digits",
        ),
        ({"Type": "Room"}, "Type is 'Room'; it must be ROOM or EQUIPMENT"),
        ({"Type": ["ROOM"]}, "Type is ['ROOM']; it must be ROOM or EQUIPMENT"),
        ({"ExistingResource": "adopt"}, "ExistingResource is 'adopt'; it must be FAIL or ADOPT"),
        ({"Description": ""}, "Description is empty; give it a value, or leave it out (AWS::NoValue in a condition)"),
        ({"Description": "x" * 65}, "Description has 65 characters; at most 64 are allowed"),
        ({"Description": {"a": "b"}}, "Description must be a string, not an object"),
        *(
            ({"Description": odd}, f"Description must be {DESCRIPTION.words}")
            for odd in (
                " ",
                " a",
                "a ",
                "a\u00a0",
                "\u3000a",
                "a\ufeff",
                "a\nb",
                "a\tb",
                "\x00",
                "a\x7f",
                "\x85a",
                "a\x9fb",
            )
        ),
        ({"Name": " boardroom"}, f"Name is ' boardroom'; it must be {NAME.words}"),
        ({"Email": "boardroom@example.com "}, "Email is 'boardroom@example.com '; it must be an e-mail address"),
        ({"Aliases": ["a@example.com\n"]}, "Aliases[0] is 'a@example.com\\n'; it must be an e-mail address"),
        ({"Delegates": ["anna\t"]}, f"Delegates[0] is 'anna\\t'; it must be {DELEGATE_FORM.words}"),
        ({"Email": "boardroom"}, "Email is 'boardroom'; it must be an e-mail address"),
        ({"Aliases": "a@example.com"}, "Aliases must be a list, not a string"),
        ({"Aliases": ["a@example.com", "b"]}, "Aliases[1] is 'b'; it must be an e-mail address"),
        ({"Aliases": ["a@example.com", "A@Example.com"]}, "Aliases lists A@Example.com twice"),
        (
            {"Aliases": ["Boardroom@example.com"]},
            "Aliases lists boardroom@example.com, which is the Email itself; leave it out of Aliases",
        ),
        ({"Aliases": [f"a{n}@example.com" for n in range(101)]}, "Aliases has 101 entries; at most 100 are allowed"),
        ({"Delegates": ["facilities", "Facilities"]}, "Delegates lists Facilities twice"),
        ({"Delegates": [None]}, "Delegates[0] must be a string, not null"),
        (
            {"Delegates": ["the facilities"]},
            "Delegates[0] is 'the facilities'; it must be the id, name or address of a user or group",
        ),
        (
            {"BookingOptions": "true"},
            (
                "BookingOptions must be an object with AutoAcceptRequests, AutoDeclineRecurringRequests, "
                "AutoDeclineConflictingRequests"
            ),
        ),
        (
            {"BookingOptions": {"AutoAcceptRequests": "false"}},
            (
                "BookingOptions.AutoAcceptRequests is false, so somebody must answer the requests; "
                "declare at least one of Delegates"
            ),
        ),
        (
            {"BookingOptions": {"AutoAccept": "true"}},
            "BookingOptions.AutoAccept is not a property here; did you mean AutoAcceptRequests?",
        ),
        ({"Emial": "a@example.com"}, "Emial is not a property here; did you mean Email?"),
        (
            {"Capacity": "12"},
            (
                "Capacity is not a property here; the properties are Aliases, BookingOptions, Delegates, Description, "
                "Email, ExistingResource, HiddenFromGlobalAddressList, Name, OrganizationId, Type"
            ),
        ),
    ],
)
def test_parse_says_what_is_wrong(changes: dict[str, Any], problem: str) -> None:
    """A problem names the property, what is wrong with it and what would be right (contracts 20 and 41)."""
    assert problems({**REGISTERED, **changes}) == [problem]


@pytest.mark.parametrize(
    ("missing", "problem"),
    [
        ("OrganizationId", "OrganizationId is required"),
        ("Name", "Name is required"),
        ("Type", "Type is required; it is ROOM or EQUIPMENT"),
    ],
)
def test_parse_requires_three_properties(missing: str, problem: str) -> None:
    """What cannot be left out is asked for by name."""
    assert problems({key: value for key, value in LEAST.items() if key != missing}) == [problem]


@pytest.mark.parametrize("by", ["Aliases", "Delegates"])
def test_parse_wants_an_address_for_what_needs_one(by: str) -> None:
    """Aliases and delegates need a resource that is registered with an address."""
    assert problems({**LEAST, by: ["anna@example.com"]}) == [
        f"{by} needs Email: only a resource that is registered with an address can have them"
    ]


@pytest.mark.parametrize("by", ["Aliases", "Delegates"])
def test_parse_complains_of_a_wrong_address_once(by: str) -> None:
    """An Email that is there but wrong is one problem, and not also said to be missing."""
    assert problems({**LEAST, "Email": "nowhere", by: ["anna@example.com"]}) == [
        "Email is 'nowhere'; it must be an e-mail address"
    ]


def test_parse_complains_of_wrong_delegates_once() -> None:
    """Delegates that are there but wrong are one problem, and not also said to be missing."""
    properties = {**REGISTERED, "Delegates": "anna", "BookingOptions": {"AutoAcceptRequests": "false"}}
    assert problems(properties) == ["Delegates must be a list, not a string"]


def test_parse_reports_every_problem() -> None:
    """All problems of an input are reported at once (contract 20)."""
    found = problems(
        {
            "Name": "the board room, second floor",
            "Type": "HALL",
            "Description": "",
            "HiddenFromGlobalAddressList": "maybe",
            "Email": "nowhere",
            "Aliases": ["x"],
            "BookingOptions": {"AutoAcceptRequests": "no"},
            "Delegates": "anna",
            "ExistingResource": "TAKE",
            "Capacity": "12",
        }
    )
    assert [problem.split(maxsplit=1)[0] for problem in found] == [
        "Capacity",
        "OrganizationId",
        "Name",
        "Type",
        "Description",
        "HiddenFromGlobalAddressList",
        "Email",
        "Aliases[0]",
        "BookingOptions.AutoAcceptRequests",
        "Delegates",
        "ExistingResource",
    ]


def test_parse_does_not_repeat_a_description() -> None:
    """What is wrong with a Description is said without its text (contract 38)."""
    found = problems({**LEAST, "Description": "merger talks " * 6, "description": "merger talks"})
    assert len(found) == 2
    assert "merger" not in "".join(found)


addresses = st.from_regex(r"[a-z0-9._%+-]{1,12}@[a-z0-9-]{1,12}\.[a-z]{2,5}", fullmatch=True)
identifiers = addresses | st.from_regex(r"[a-z0-9._-]{1,12}", fullmatch=True)


def strings(value: bool) -> st.SearchStrategy[object]:  # noqa: FBT001 - the value itself
    """Return the forms in which CloudFormation may hand over a boolean."""
    text = str(value)
    return st.sampled_from([value, text, text.lower(), text.upper()])


@st.composite
def declarations(draw: st.DrawFn) -> tuple[dict[str, Any], Declaration]:
    """Draw properties as CloudFormation sends them, and what they declare."""
    email = draw(st.none() | addresses)
    others = addresses.filter(lambda address: address != email)
    aliases = draw(st.lists(others, max_size=4, unique=True)) if email else []
    delegates = draw(st.lists(identifiers, max_size=3, unique=True)) if email else []
    options = (draw(st.booleans()) or not delegates, draw(st.booleans()), draw(st.booleans()))
    declaration = Declaration(
        organization_id=draw(st.from_regex(r"m-[0-9a-f]{32}", fullmatch=True)),
        name=draw(st.from_regex(r"[a-zA-Z0-9_.-]{1,20}", fullmatch=True)),
        type=draw(st.sampled_from(["ROOM", "EQUIPMENT"])),
        description=draw(st.none() | descriptions),
        hidden=draw(st.booleans()),
        email=email,
        aliases=tuple(aliases),
        booking=BookingOptions(*options),
        delegates=tuple(delegates),
        existing=draw(st.sampled_from(["FAIL", "ADOPT"])),
    )
    keys = ("AutoAcceptRequests", "AutoDeclineRecurringRequests", "AutoDeclineConflictingRequests")
    booking = {key: draw(strings(value)) for key, value in zip(keys, options, strict=True)}
    properties = {
        "OrganizationId": declaration.organization_id,
        "Name": declaration.name,
        "Type": declaration.type,
        "HiddenFromGlobalAddressList": draw(strings(declaration.hidden)),
        "BookingOptions": booking,
        "ExistingResource": declaration.existing,
        "Aliases": aliases,
        "Delegates": delegates,
    }
    optional = {"Description": declaration.description, "Email": email}
    return {**properties, **{key: value for key, value in optional.items() if value is not None}}, declaration


@settings(deadline=None, max_examples=100)
@given(declarations())
def test_parse_reads_every_valid_declaration(pair: tuple[dict[str, Any], Declaration]) -> None:
    """Whatever is declared within the limits is understood as it was meant."""
    properties, declaration = pair
    assert parse(properties) == declaration


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.sampled_from(KEYS), JSON), st.dictionaries(st.text(max_size=6), JSON, max_size=2))
def test_parse_never_fails_in_any_other_way(known: dict[str, Any], others: dict[str, Any]) -> None:
    """Any JSON object is either a declaration or an InvalidPropertiesError with its problems (contracts 1 and 20)."""
    refusal = InvalidPropertiesError(["none"])
    try:
        parse({**LEAST, **known, **others})
    except InvalidPropertiesError as error:
        refusal = error
    assert refusal.problems
    assert all(refusal.problems)
    assert str(refusal) == "; ".join(refusal.problems)


@pytest.mark.parametrize(
    ("key", "shape"),
    [("Name", "ResourceName"), ("Email", "EmailAddress"), ("OrganizationId", "OrganizationId")],
)
@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_parse_takes_what_the_service_model_allows(key: str, shape: str, data: st.DataObject) -> None:
    """Whatever text the WorkMail API model allows, in ASCII, is valid here too."""
    limits = modelled(shape)
    pattern = st.from_regex(limits["pattern"], fullmatch=True, alphabet=st.characters(codec="ascii"))
    text = data.draw(pattern.filter(lambda text: limits.get("min", 1) <= len(text) <= limits.get("max", 10**6)))
    parse({**LEAST, key: text})


@pytest.mark.parametrize(
    ("key", "shape", "unit"),
    [("Name", "ResourceName", "x"), ("Description", "ResourceDescription", "ü")],
)
def test_parse_has_the_service_models_lengths(key: str, shape: str, unit: str) -> None:
    """The longest text that the WorkMail API model allows is valid, and one character more is not."""
    longest = modelled(shape)["max"]
    parse({**LEAST, key: unit * longest})
    assert problems({**LEAST, key: unit * (longest + 1)}) == [
        f"{key} has {longest + 1} characters; at most {longest} are allowed"
    ]


def test_parse_has_the_service_models_length_of_an_address() -> None:
    """The longest address that the WorkMail API model allows is valid, and one character more is not."""
    longest = modelled("EmailAddress")["max"]
    domain = "@" + "d" * (longest - len("room@.com")) + ".com"
    parse({**LEAST, "Email": "room" + domain})
    assert problems({**LEAST, "Email": "rooms" + domain}) == [
        f"Email has {longest + 1} characters; at most {longest} are allowed"
    ]


@pytest.mark.parametrize("name", ["sálon", "室", "٣", "a\n", "a b", "a@b", "a@example.c", "@example.com"])
def test_parse_refuses_names_that_only_look_right(name: str) -> None:
    r"""The service's \w is ASCII, a line's end is no part of a name, and a domain has to be whole."""
    assert problems({**LEAST, "Name": name})[0].startswith(f"Name is {name!r}; it must be letters")


@pytest.mark.parametrize(
    ("properties", "found"),
    [
        ({"OrganizationId": ORGANIZATION}, ORGANIZATION),
        ({"OrganizationId": ORGANIZATION, "Nonsense": [None], "Type": 7}, ORGANIZATION),
        ({"OrganizationId": ORGANIZATION.upper()}, None),
        ({"OrganizationId": f"{ORGANIZATION}\n"}, None),
        ({"OrganizationId": [ORGANIZATION]}, None),
        ({"OrganizationId": ""}, None),
        ({}, None),
    ],
)
def test_organization_id_of_broken_properties(properties: dict[str, Any], found: str | None) -> None:
    """A good OrganizationId is found whatever the rest looks like (contracts 29 and 35)."""
    assert organization_id(properties) == found


@pytest.mark.parametrize(
    ("properties", "declared"),
    [
        ({"ExistingResource": "ADOPT"}, True),
        ({"ExistingResource": "ADOPT", "Type": 7}, True),
        ({"ExistingResource": "FAIL"}, False),
        ({"ExistingResource": ["ADOPT"]}, False),
        ({}, False),
    ],
)
def test_declares_adopt_of_broken_properties(properties: dict[str, Any], *, declared: bool) -> None:
    """Whether ADOPT is declared is known whatever the rest looks like (contracts 35 and 47)."""
    assert declares_adopt(properties) is declared
