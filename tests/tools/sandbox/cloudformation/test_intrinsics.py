from typing import Any

import pytest

from workmail_rooms.sandbox.cloudformation import ValidationError
from workmail_rooms.sandbox.cloudformation.intrinsics import Evaluator, Scope


class Resources:
    """Two resources with values."""

    def ref(self, logical_id: str) -> str:
        """Return a physical id."""
        return {"Room": "r-1", "Desk": "d-1"}[logical_id]

    def get_att(self, logical_id: str, attribute: str) -> Any:
        """Return an attribute."""
        return {("Room", "Email"): "room@example.com", ("Room", "Tags"): ["a", "b"]}[logical_id, attribute]


SCOPE = Scope(
    values={
        "Name": "board",
        "Names": ["x", "y", "z"],
        "AWS::Region": "us-east-1",
        "AWS::StackName": "demo",
        "AWS::NotificationARNs": [],
    },
    mappings={"Sizes": {"us-east-1": {"Seats": 12, "Colours": ["red", "blue"]}}},
    conditions={
        "Yes": {"Fn::Equals": [{"Ref": "Name"}, "board"]},
        "No": {"Fn::Not": [{"Condition": "Yes"}]},
        "Both": {"Fn::And": [{"Condition": "Yes"}, {"Condition": "No"}]},
        "Either": {"Fn::Or": [{"Condition": "No"}, {"Condition": "Yes"}]},
        "Number": {"Fn::Equals": [1, "1"]},
        "Flag": {"Fn::Equals": [True, "true"]},
        "Loop": {"Fn::Not": [{"Condition": "Pool"}]},
        "Pool": {"Fn::Not": [{"Condition": "Loop"}]},
        "Odd": {"Name": "x"},
    },
    language_extensions=True,
    resources=Resources(),
    imports=lambda name: f"imported {name}",
)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ({"Ref": "Name"}, "board"),
        ({"Ref": "Names"}, ["x", "y", "z"]),
        ({"Ref": "Room"}, "r-1"),
        ({"Ref": "AWS::StackName"}, "demo"),
        ({"Ref": {"Fn::Sub": "Ro${X}", "X": 0}}, None),
        ({"Ref": {"Fn::Join": ["", ["Ro", "om"]]}}, "r-1"),
        ({"Fn::GetAtt": ["Room", "Email"]}, "room@example.com"),
        ({"Fn::GetAtt": "Room.Email"}, "room@example.com"),
        ({"Fn::GetAtt": [{"Fn::Sub": "Ro${O}m", "O": 1}, "Email"]}, None),
        ({"Fn::Sub": "${Name}@${AWS::Region}/${Room}/${Room.Email}"}, "board@us-east-1/r-1/room@example.com"),
        ({"Fn::Sub": ["${Name}-${Own}", {"Own": {"Fn::Select": ["1", {"Ref": "Names"}]}}]}, "board-y"),
        ({"Fn::Sub": ["${Name}", {"Name": "mine"}]}, "mine"),
        ({"Fn::Sub": "${!Name} costs $5"}, "${Name} costs $5"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Name"}, 3, True]]}, "a-board-3-true"),
        ({"Fn::Join": [",", {"Ref": "Names"}]}, "x,y,z"),
        ({"Fn::Join": [",", {"Fn::GetAtt": ["Room", "Tags"]}]}, "a,b"),
        ({"Fn::Select": [0, ["a", "b"]]}, "a"),
        ({"Fn::Select": ["2", {"Fn::Split": ["|", "a|b|c"]}]}, "c"),
        ({"Fn::Split": [",", "a,,b"]}, ["a", "", "b"]),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "Seats"]}, 12),
        ({"Fn::FindInMap": ["Sizes", "eu-west-1", "Seats", {"DefaultValue": {"Ref": "Name"}}]}, "board"),
        ({"Fn::FindInMap": ["Nowhere", "a", "b", {"DefaultValue": 0}]}, 0),
        ({"Fn::Base64": "room"}, "cm9vbQ=="),
        ({"Fn::ImportValue": {"Fn::Sub": "${Name}-Token"}}, "imported board-Token"),
        ({"Fn::If": ["Yes", "a", "b"]}, "a"),
        ({"Fn::If": ["No", {"Ref": "Unknown"}, "b"]}, "b"),
        ({"Fn::If": ["Both", 1, 2]}, 2),
        ({"Fn::If": ["Either", 1, 2]}, 1),
        ({"Fn::If": ["Number", 1, 2]}, 1),
        ({"Fn::If": ["Flag", 1, 2]}, 1),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [1, {"Ref": "AWS::NoValue"}]}, {"b": [1]}),
        ({"a": {"Fn::If": ["No", 1, {"Ref": "AWS::NoValue"}]}}, {}),
        ({"Ref": "AWS::NoValue"}, None),
        ({"Fn::Length": {"Ref": "Names"}}, "3"),
        ({"Fn::ToJsonString": {"n": 1, "who": {"Ref": "Name"}, "is": True}}, '{"n":"1","who":"board","is":"true"}'),
        ({"Ref": "x", "Other": "y"}, {"Ref": "x", "Other": "y"}),
        ([1, "a", True], [1, "a", True]),
    ],
)
def test_value(expression: Any, value: Any) -> None:
    """Each intrinsic function gives the value that its reference page promises."""
    if value is None and expression != {"Ref": "AWS::NoValue"}:
        # A map with two keys is no intrinsic function, so its parent gets something that is no string.
        with pytest.raises(ValidationError, match="must be a string"):
            Evaluator(SCOPE).evaluate(expression)
    else:
        assert Evaluator(SCOPE).evaluate(expression) == value


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ({"Fn::FindInMap": ["Sizes", "eu-west-1", "Seats"]}, "Unable to get mapping for Sizes::eu-west-1::Seats"),
        ({"Fn::Select": [3, ["a"]]}, "Fn::Select cannot select nonexistent value at index 3"),
        ({"Fn::Select": ["x", ["a"]]}, "Fn::Select cannot select nonexistent value at index x"),
        ({"Fn::Join": ["-"]}, "every Fn::Join object requires a list of 2 arguments"),
        ({"Fn::Join": ["-", "abc"]}, "Fn::Join needs a list"),
        ({"Fn::Join": ["-", [{"a": "b"}]]}, "every argument of Fn::Join must be a string"),
        ({"Fn::Sub": 7}, "every Fn::Sub object requires a list"),
        ({"Fn::Sub": ["${X}", "Y"]}, "don't specify expected arguments"),
        ({"Fn::If": ["Unknown", 1, 2]}, "Unresolved condition dependency Unknown"),
        ({"Fn::If": ["Loop", 1, 2]}, "Circular dependency between conditions"),
        ({"Fn::If": ["Odd", 1, 2]}, "a condition must be one of"),
        ({"Fn::Cidr": ["10.0.0.0/16", 1, 8]}, "encountered unsupported function: Fn::Cidr"),
    ],
)
def test_refusal(expression: Any, message: str) -> None:
    """A wrong expression is refused with a sentence that names the function."""
    with pytest.raises(ValidationError, match=message):
        Evaluator(SCOPE).evaluate(expression)


@pytest.mark.parametrize("function", ["Fn::Length", "Fn::ToJsonString"])
def test_language_extensions_only(function: str) -> None:
    """The functions of AWS::LanguageExtensions do not exist without the transform."""
    with pytest.raises(ValidationError, match=f"unsupported function: {function}"):
        Evaluator(Scope(values={})).evaluate({function: ["a"]})


def test_find_in_map_default_needs_language_extensions() -> None:
    """A DefaultValue is one argument too many without the transform."""
    with pytest.raises(ValidationError, match="requires a list of 3 arguments"):
        Evaluator(Scope(values={})).evaluate({"Fn::FindInMap": ["a", "b", "c", {"DefaultValue": 1}]})


def test_no_import() -> None:
    """An export that does not exist is refused in CloudFormation's words."""
    with pytest.raises(ValidationError, match="No export named Nothing found"):
        Evaluator(Scope(values={})).evaluate({"Fn::ImportValue": "Nothing"})


def test_references_follow_the_branches_taken() -> None:
    """Only what is really used counts as a dependency."""
    value = {
        "a": {"Ref": "Room"},
        "b": [{"Fn::GetAtt": ["Desk", "X"]}, {"Fn::Sub": ["${!Not} ${Chair.Y} ${Own}", {"Own": {"Ref": "Lamp"}}]}],
        "c": {"Fn::If": ["No", {"Ref": "Unused"}, {"Fn::Join": ["", [{"Ref": "Used"}]]}]},
    }
    assert Evaluator(SCOPE).references(value) == {"Room", "Desk", "Chair", "Lamp", "Used"}
