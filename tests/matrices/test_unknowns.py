"""The life of a resource under every setting of what nobody outside AWS knows about WorkMail."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from itertools import combinations, pairwise, product
from typing import Any, Final

import pytest
from allpairspy import AllPairs  # type: ignore[import-untyped] # it ships no types

from tests.harness import DOMAIN, OTHER_DOMAIN, everything, room_properties
from tests.matrices.virtual import VirtualStage
from workmail_rooms.sandbox.rooms import Room
from workmail_rooms.sandbox.seed import EXAMPLE, OTHER
from workmail_rooms.sandbox.workmail.behaviour import Behaviour, counts, switches

Setting = Mapping[str, Any]
Note = Callable[[str, object], None]

#: A lag that outlasts the first look, and pages that hold a single thing.
_COUNTS: Final = dict.fromkeys(counts(), 2) | {"page_size": 1}

#: What an organization is, which `test_organization_that_is_not_active` has its own story for.
_ORGANIZATION: Final = ("new_organization", "deleted_organization")

#: No unknowns of a resource's life: failures and a rate are asked for elsewhere (contract 40, test_load.py), reserved
#: names are refused like taken ones (test_create_errors.py), and the function exports nothing.
_ELSEWHERE: Final = ("faults", "rate_limit", "reserved_names", "export_jobs")


def _values(switch: str) -> tuple[Any, ...]:
    default = getattr(Behaviour(), switch)
    others = switches().get(switch) or (_COUNTS[switch],)
    return (default, *(value for value in others if value != default))


#: The values of each switch, the default first.
SWITCHES: Final[Mapping[str, tuple[Any, ...]]] = {
    field.name: _values(field.name) for field in fields(Behaviour) if field.name not in {*_ORGANIZATION, *_ELSEWHERE}
}

#: Each switch alone in each of its other values; a flap shows only after a lag.
ALONE: Final[list[Setting]] = [
    {},
    *({name: value} for name, (_, *others) in SWITCHES.items() for value in others),
    {"enabled_after": 2, "enabled_flaps": "yes"},
]


def _covering() -> Iterator[Setting]:
    """Yield settings of all switches, in which every two values of every two switches meet."""
    # The algorithm is greedy, and ends with fewer rows when it begins with the switches of most values.
    names = sorted(SWITCHES, key=lambda name: -len(SWITCHES[name]))
    for row in AllPairs([SWITCHES[name] for name in names]):
        yield dict(zip(names, row, strict=True))


COVERING: Final = list(_covering())


def _name(setting: Setting) -> str:
    return ",".join(f"{key}={value}" for key, value in setting.items()) or "defaults"


# ------------------------------------------------------------------------------------------------------- the stories


def live(stage: VirtualStage, setting: Setting) -> None:
    """Create, change in every way, disable, enable again and delete a resource: each time as declared."""
    behave(stage, setting)
    steps = [
        room_properties(Email=None, Description="plain"),
        room_properties(Email=None, Description="plainer", HiddenFromGlobalAddressList="true"),
        everything(Aliases=["boardroom@example.awsapps.com"]),
        everything(
            Name="meetingroom",
            Email="meetingroom@example.com",
            Aliases=["boardroom@example.com"],
            Delegates=["bob"],
            Type="EQUIPMENT",
        ),
        room_properties(Email=None),
        everything(),
    ]
    answer = stage.deliver(stage.event("Create", properties=steps[0]))
    assert answer.succeeded, answer.reason
    physical_id = answer.physical_id
    for old, new in pairwise(steps):
        answer = stage.deliver(stage.event("Update", properties=new, old_properties=old, physical_id=physical_id))
        assert answer.succeeded, (new, answer.reason)
        assert answer.physical_id == physical_id
        (room,) = stage.rooms()
        check(room, new)
    delete(stage, steps[-1], physical_id)
    # The name and the address are free again.
    again = stage.deliver(stage.event("Create", logical_id="Other", properties=steps[-1]))
    assert again.succeeded, again.reason


def fail_and_roll_back(stage: VirtualStage, setting: Setting) -> None:
    """Fail to create one half way: nothing is left behind after its Delete, and nobody else's is touched."""
    stage.create_room("foreign", Email=f"sitzungssaal@{DOMAIN}")
    behave(stage, setting)
    foreign = stage.rooms()
    answer = stage.deliver(stage.event("Create", properties=everything()))
    assert answer.reason.startswith("EmailAddressInUseException")
    answer = stage.deliver(stage.event("Delete", properties=everything(), physical_id=answer.physical_id))
    assert answer.succeeded, answer.reason
    assert stage.rooms() == foreign
    assert stage.entries() == []


def replace_and_clean_up(stage: VirtualStage, setting: Setting) -> None:
    """Replace one by another in the other organization, and take the old one away."""
    behave(stage, setting)
    old = everything()
    new = room_properties(OrganizationId=OTHER, Email=f"boardroom@{OTHER_DOMAIN}", Delegates=["dave"])
    first = stage.deliver(stage.event("Create", properties=old))
    assert first.succeeded, first.reason
    second = stage.deliver(stage.event("Update", properties=new, old_properties=old, physical_id=first.physical_id))
    assert second.succeeded, second.reason
    assert {room.OrganizationId for room in stage.rooms()} == {EXAMPLE, OTHER}
    gone = stage.deliver(stage.event("Delete", properties=old, physical_id=first.physical_id))
    assert gone.succeeded, gone.reason
    (room,) = stage.rooms()
    assert room.ResourceId == second.physical_id
    check(room, new)
    delete(stage, new, second.physical_id)


def adopt_and_give_back(stage: VirtualStage, setting: Setting) -> None:
    """Fail to adopt a resource, which restores it; adopt it, and give it back in a rollback."""
    found = stage.create_room("boardroom", Description="as people know it", Email=f"board-room@{DOMAIN}")
    for alias in ("upstairs", "sitzungssaal"):
        request = {"OrganizationId": EXAMPLE, "EntityId": found, "Alias": f"{alias}@{DOMAIN}"}
        stage.workmail.invoke("CreateAlias", request)
    behave(stage, setting)
    before = as_before(stage)
    wrong = everything(ExistingResource="ADOPT", Aliases=[f"alice@{DOMAIN}"])
    answer = stage.deliver(stage.event("Create", logical_id="Wrong", properties=wrong))
    assert answer.reason.startswith("EmailAddressInUseException")
    assert as_before(stage) == before
    answer = stage.deliver(stage.event("Delete", logical_id="Wrong", properties=wrong, physical_id=answer.physical_id))
    assert answer.succeeded, answer.reason
    assert as_before(stage) == before

    right = everything(ExistingResource="ADOPT")
    answer = stage.deliver(stage.event("Create", properties=right))
    assert answer.succeeded, answer.reason
    assert answer.physical_id == found
    (room,) = stage.rooms()
    check(room, right)
    answer = stage.deliver(stage.event("Delete", properties=right, physical_id=found))
    assert answer.succeeded, answer.reason
    assert as_before(stage) == before
    assert stage.entries() == []


def as_before(stage: VirtualStage) -> list[Room]:
    """Return the rooms with their names in one case: what is given back has its name in the case that was shown."""
    return [replace(room, Name=room.Name.casefold()) for room in stage.rooms()]


def check(room: Room, declared: Mapping[str, Any]) -> None:
    """Compare a resource with what a template declares of it."""
    # WorkMail may show a name in another case.
    assert room.Name.casefold() == declared["Name"].casefold()
    assert room.Type == declared["Type"]
    assert room.Description == declared.get("Description", "")
    assert room.State == ("ENABLED" if "Email" in declared else "DISABLED")
    if "Email" in declared:
        assert room.Email == declared["Email"]
        assert set(room.Aliases) == set(declared.get("Aliases", []))
        assert len(room.Delegates) == len(declared.get("Delegates", []))


def delete(stage: VirtualStage, properties: Mapping[str, Any], physical_id: str) -> None:
    """Delete the only resource there is."""
    answer = stage.deliver(stage.event("Delete", properties=properties, physical_id=physical_id))
    assert answer.succeeded, answer.reason
    assert stage.rooms() == []
    assert stage.entries() == []


def behave(stage: VirtualStage, setting: Setting) -> None:
    """Let WorkMail behave so, from now on and in the organizations that are there."""
    stage.workmail.behaviour = replace(Behaviour(), **setting)
    for organization in (EXAMPLE, OTHER):
        stage.workmail.organization(organization).domain_unready = setting.get("domain_ready_after", 0)


# --------------------------------------------------------------------------------------------------------- the tests


def test_no_switch_is_missing() -> None:
    """Every switch is tried in each of its values alone, and the covering set has every pair of values of any two."""
    everywhere = {*SWITCHES, *_ORGANIZATION, *_ELSEWHERE}
    assert everywhere == {field.name for field in fields(Behaviour)}
    assert {name: set(values) for name, values in switches().items() if name not in _ORGANIZATION} == {
        name: set(values) for name, values in SWITCHES.items() if name not in counts()
    }
    assert all(len(values) > 1 for values in SWITCHES.values())
    for name, (default, *others) in SWITCHES.items():
        assert default == getattr(Behaviour(), name)
        assert [setting[name] for setting in ALONE if set(setting) == {name}] == others
    for one, other in combinations(SWITCHES, 2):
        met = {(setting[one], setting[other]) for setting in COVERING}
        assert met == set(product(SWITCHES[one], SWITCHES[other]))


@pytest.mark.parametrize("setting", ALONE, ids=_name)
def test_life_of_a_resource(stage: VirtualStage, setting: Setting, record_property: Note) -> None:
    """A resource is created, changed in every way, disabled, enabled again and deleted, under each switch alone."""
    record_property("unknown alone", _name(setting))
    live(stage, setting)


@pytest.mark.parametrize("story", [live, fail_and_roll_back, replace_and_clean_up, adopt_and_give_back])
@pytest.mark.parametrize("setting", COVERING, ids=range(len(COVERING)))
def test_all_unknowns_together(
    stage: VirtualStage, setting: Setting, story: Callable[[VirtualStage, Setting], None], record_property: Note
) -> None:
    """Life, rollback, replacement and adoption go well whichever two unknowns meet."""
    record_property("unknowns together", _name(setting))
    story(stage, setting)


@pytest.mark.parametrize("deleted_organization", switches()["deleted_organization"])
@pytest.mark.parametrize("new_organization", switches()["new_organization"])
def test_organization(
    stage: VirtualStage, new_organization: str, deleted_organization: str, record_property: Note
) -> None:
    """Whatever a new organization is, Create says so or works; when it has been deleted, Delete succeeds."""
    setting = {"new_organization": new_organization, "deleted_organization": deleted_organization}
    record_property("unknown alone", _name(setting))
    # GIVEN a new organization
    behave(stage, setting)
    organization = stage.workmail.seed("new", verified_domains=["new.example.com"])
    refusal = {
        "Active": "",
        "Creating": "OrganizationStateException",
        "Deleted": deleted_organization,
        "interoperability": "UnsupportedOperationException",
    }[new_organization]
    # WHEN a room is declared in it
    declared = room_properties(OrganizationId=organization.id, Email="boardroom@new.example.com")
    answer = stage.deliver(stage.event("Create", properties=declared))
    # THEN it is there, or the answer says why not
    assert answer.succeeded == (not refusal), answer.reason
    assert answer.reason.startswith(refusal)
    # AND its Delete succeeds, even when the organization has gone meanwhile
    organization.state = "Deleted"
    answer = stage.deliver(stage.event("Delete", properties=declared, physical_id=answer.physical_id))
    assert answer.succeeded, answer.reason
    assert stage.entries() == []
