"""Whatever is wrong with a template, it is said so: never a traceback, never a stack that stays in progress."""

import tempfile
from copy import deepcopy
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.tools.sandbox.cloudformation.stories import thing
from tests.tools.sandbox.cloudformation.world import World
from workmail_rooms.sandbox.cloudformation import CloudFormationError

# Something of everything, so that there is something of everything to break.
WHOLE: dict[str, Any] = {
    "AWSTemplateFormatVersion": "2010-09-09",
    "Transform": "AWS::LanguageExtensions",
    "Parameters": {
        "Names": {"Type": "CommaDelimitedList", "Default": "a,b", "AllowedPattern": "[a-z]+"},
        "Size": {"Type": "Number", "Default": 3, "MinValue": 1, "MaxValue": 9},
        "Kind": {"Type": "String", "Default": "x", "AllowedValues": ["x", "y"], "MaxLength": 3},
    },
    "Mappings": {"Sizes": {"x": {"Seats": 4, "Names": ["a"]}}},
    "Conditions": {
        "Big": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Size"}, "3"]}]},
        "Both": {"Fn::And": [{"Condition": "Big"}, {"Fn::Equals": [{"Ref": "Kind"}, "x"]}]},
    },
    "Rules": {
        "R": {
            "RuleCondition": {"Fn::Equals": [{"Ref": "Kind"}, "x"]},
            "Assertions": [{"Assert": {"Fn::EachMemberIn": [{"Ref": "Names"}, ["a", "b"]]}, "AssertDescription": "d"}],
        }
    },
    "Resources": {
        "A": thing("a", attributes={"Metadata": {"M": {"Ref": "Kind"}}, "DeletionPolicy": "Retain"}),
        "B": thing(
            "b",
            depends_on=["A"],
            Seats={"Fn::FindInMap": ["Sizes", {"Ref": "Kind"}, "Seats", {"DefaultValue": 1}]},
            Text={"Fn::Sub": ["${A.Name}-${Own}-${AWS::Region}", {"Own": {"Fn::Select": ["0", {"Ref": "Names"}]}}]},
            Parts={"Fn::Split": ["-", {"Fn::Join": ["-", {"Ref": "Names"}]}]},
            If={"Fn::If": ["Big", {"Fn::GetAtt": ["A", "Id"]}, {"Ref": "AWS::NoValue"}]},
            Json={"Fn::ToJsonString": {"n": {"Fn::Length": {"Ref": "Names"}}}},
            Dynamic="{{resolve:ssm:/cdk-bootstrap/hnb659fds/version}}",
        ),
        "C": thing("c", attributes={"Condition": "Both"}),
        "Fn::ForEach::Loop": ["N", {"Ref": "Names"}, {"Loop${N}": thing("l", X={"Ref": "N"})}],
    },
    "Outputs": {
        "O": {"Value": {"Ref": "A"}, "Export": {"Name": {"Fn::Sub": "${AWS::StackName}-O"}}},
        "P": {"Condition": "Big", "Value": {"Fn::Base64": "p"}},
    },
}
# What tears templates apart: other types, other names, what only looks like a number.
ODD = st.sampled_from(
    [
        *("", "²", "[", "{{resolve:ssm:}}", "${", "${A.B.C}", "Nobody", "A", "B", "-1", "many", "*", "\ud83d\ude00"),
        *(0, -1, 1.5, True, False, [], {}, [[]], [["a"]], [{}], {"": ""}, {"a": "b"}),
        *({"Ref": "B"}, {"Ref": []}, {"Ref": "Nobody"}, {"Ref": {"Ref": "Kind"}}, {"Fn::GetAtt": []}),
        *({"Fn::GetAtt": "A"}, {"Fn::GetAtt": ["A", {"Ref": "Kind"}]}, {"Fn::Sub": []}, {"Fn::Sub": ["${x}", {}]}),
        *({"Fn::If": []}, {"Fn::If": ["Big", 1]}, {"Fn::If": [{"Ref": "Kind"}, 1, 2]}, {"Fn::Select": ["²", ["a"]]}),
        *({"Fn::Select": [-1, ["a"]]}, {"Fn::Split": ["", "ab"]}, {"Fn::Join": [[], []]}, {"Condition": "Both"}),
        *({"Fn::FindInMap": ["Sizes", "x", "Names"]}, {"Fn::FindInMap": []}, {"Fn::Transform": {}}, {"Fn::Nothing": 1}),
        *({"Fn::ForEach::X": []}, {"Fn::ForEach::X": ["N", 1, {}]}, {"Fn::Length": "a"}, {"Fn::Base64": {"a": 1}}),
    ]
)


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every part of a template."""
    found = [path] if path else []
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        found += paths(item, (*path, key))
    return found


PLACES = st.sampled_from(paths(WHOLE))
WAYS = st.sampled_from(["replace", "replace", "take out", "rename", "add"])


def break_it(document: dict[str, Any], path: tuple[Any, ...], way: str, odd: Any) -> None:
    """Do something to one place of a template, if an earlier break has left it there."""
    parent: Any = document
    for key in path[:-1]:
        if not isinstance(parent, dict | list) or (isinstance(parent, dict) and key not in parent):
            return
        if isinstance(parent, list) and not (isinstance(key, int) and key < len(parent)):
            return
        parent = parent[key]
    key = path[-1]
    present = key in parent if isinstance(parent, dict) else isinstance(parent, list) and key in range(len(parent))
    if not present:
        return
    if way == "replace":
        parent[key] = deepcopy(odd)
    elif way == "take out":
        del parent[key]
    elif isinstance(parent, list):
        parent.append(deepcopy(odd))
    elif way == "rename":
        parent[str(odd)] = parent.pop(key)
    else:
        parent["Odd"] = deepcopy(odd)


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(breaks=st.lists(st.tuples(PLACES, WAYS, ODD), min_size=1, max_size=3), size=st.sampled_from(["3", "4", "²"]))
def test_never_a_traceback(breaks: list[tuple[tuple[Any, ...], str, Any]], size: str) -> None:
    """A broken template is refused before anything is made, or fails and is rolled back; also as an update."""
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), max_parallel=8)
        try:
            # GIVEN a template with something broken in it
            document = deepcopy(WHOLE)
            for path, way, odd in breaks:
                break_it(document, path, way, odd)
            # WHEN it is deployed as a new stack and over a whole one
            assert world.deploy(WHOLE, stack="whole").ok
            for stack in ("new", "whole"):
                calls = len(world.cloud.events)
                try:
                    outcome = world.deploy(document, {"Size": size}, stack=stack)
                except CloudFormationError:
                    # THEN it was refused before anything was made
                    assert len(world.cloud.events) == calls
                    continue
                # THEN, or it came to an end
                assert not outcome.status.endswith("IN_PROGRESS"), outcome
                assert "Internal Failure" not in " ".join(event.resource_status_reason for event in outcome.events)
            # AND whatever is there can be deleted
            assert world.engine.delete("new").ok
            assert world.engine.delete("whole").ok
        finally:
            world.close()
