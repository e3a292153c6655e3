"""What no switch knows is reported whole, and without what names people, rooms or accounts."""

import pytest

from tests.tools.probe.organization import DOMAIN, Organization, unchanged
from workmail_rooms.probe.findings import clean, errors, requests, settings
from workmail_rooms.sandbox.workmail import Fault

#: An answer to each question that no switch has.
SURPRISES = [
    ("redelete", "DeleteResource", 4),
    ("delete_unknown_id", "DeleteResource", 1),
    ("deregister_disabled", "DeregisterFromWorkMail", 2),
    ("update_on_disabled", "UpdateResource", 1),
    ("register_again_same", "RegisterToWorkMail", 2),
    ("register_again_other", "RegisterToWorkMail", 3),
    ("delete_missing_alias", "DeleteAlias", 1),
    ("associate_twice", "AssociateDelegateToResource", 2),
    ("last_delegate_removed", "DisassociateDelegateFromResource", 1),
    ("disassociate_missing", "DisassociateDelegateFromResource", 2),
    ("name_case", "UpdateResource", 8),
    ("name_release", "CreateResource", 3),
    ("list_aliases_primary", "ListAliases", 2),
    ("aliases_after_deregister", "ListAliases", 3),
    ("delegates_after_deregister", "ListResourceDelegates", 1),
]


@pytest.mark.parametrize(("switch", "operation", "nth"), SURPRISES, ids=[one[0] for one in SURPRISES])
def test_an_answer_that_no_switch_has(switch: str, operation: str, nth: int) -> None:
    """An unknown error is no setting: the switch stays unset, and the answer is reported whole."""
    organization = Organization()
    message = (
        "Resource r-0123456789abcdef0123456789abcdef of account 123456789012 in "
        "arn:aws:workmail:us-east-1:123456789012:organization/m-0 is in trouble."
    )
    organization.workmail.add_fault(
        Fault(action="error", code="TeapotException", message=message, operation=operation, nth=(nth,))
    )
    with unchanged(organization):
        report = organization.run()
    assert not report.problem
    assert not report.left
    assert switch not in settings(report.findings)
    (request,) = requests(report.findings, [DOMAIN, "facilities"])
    assert request.startswith(f"{switch}: ")
    assert '"__type": "TeapotException", "Message": "Resource *** of account *** in *** is in trouble."' in request


@pytest.mark.parametrize(
    ("operation", "lost"),
    [
        ("CreateResource", {"visible_after", "redelete", "name_case"}),
        ("RegisterToWorkMail", {"enabled_after", "ghost_describe", "last_delegate_removed"}),
        ("CreateAlias", {"list_aliases_primary", "aliases_after_deregister"}),
        ("AssociateDelegateToResource", {"associate_twice", "delegates_after_deregister"}),
    ],
)
def test_a_step_that_does_not_work(operation: str, lost: set[str]) -> None:
    """What needs a step that WorkMail refuses is not learned, the refusal is reported once, and nothing is left."""
    organization = Organization()
    organization.workmail.add_fault(Fault(action="error", code="TeapotException", operation=operation))
    with unchanged(organization):
        report = organization.run()
    assert not report.left
    assert not lost & settings(report.findings).keys()
    assert "page_size" not in settings(report.findings)
    assert "delete_unknown_id" in settings(report.findings)
    unknown = [finding for finding in report.findings if finding.unknown]
    assert {finding.answers[-1].operation for finding in unknown} == {operation}


def test_names_of_others_are_in_no_request() -> None:
    """The items of a list, which are other people's rooms, are counted and not shown."""
    organization = Organization()
    organization.workmail.add_fault(Fault(action="error", code="TeapotException", operation="ListResources", nth=(2,)))
    report = organization.run()
    shown = "\n".join(requests(report.findings, []) + errors(report.findings[0].answers, []))
    assert "room1" not in shown


@pytest.mark.parametrize(
    "secret",
    [
        "m-d281d0a2fd824be5b6cd3d3ce909fd27",
        "r-d281d0a2fd824be5b6cd3d3ce909fd27",
        "S-1-1-11-1111111111-2222222222-3333333333-3333333333",
        "0b4f7a0e-2d2a-4b0e-9c6e-3f1f1f1f1f1f",
        "123456789012",
        "arn:aws:iam::123456789012:user/alice",
        "Alice.Smith+x@mail.example.com",
        "Facilities",
        "example.com",
    ],
)
def test_what_is_shown_names_nobody(secret: str) -> None:
    """Ids, addresses, account numbers and ARNs are blotted out, and what the command line names, in any case."""
    assert clean(f"User '{secret}' is unknown", ["facilities", "example.com"]) == "User '***' is unknown"


def test_words_stay() -> None:
    """A secret inside a longer word, and a number of another length, stay."""
    assert clean("all 1234 facilities-like rooms", ["all-hands", "like rooms "]) == "all 1234 facilities-like rooms"
    assert clean("rooms, 12345678901234", ["room"]) == "rooms, 12345678901234"


def test_control_characters_do_not_reach_the_terminal() -> None:
    """What a terminal would obey is replaced."""
    assert clean("a\x1b[2Jb", []) == "a\ufffd[2Jb"
