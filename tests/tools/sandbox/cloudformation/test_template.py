from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.tools.sandbox.cloudformation.stories import template, thing, told
from tests.tools.sandbox.cloudformation.world import TOKEN, World
from workmail_rooms.sandbox.cloudformation import TemplateFileError, ValidationError

FOR_EACH = """
AWSTemplateFormatVersion: 2010-09-09
Transform: AWS::LanguageExtensions
Parameters:
  Names: {Type: CommaDelimitedList, Default: "never,used"}
  Domain: {Type: String, Default: never.example}
Mappings:
  Floors:
    us-east-1: {Names: [north, south], Seats: 4}
    eu-west-1: {Names: [east], Seats: 9}
  Rooms:
    north: {Seats: 12}
Resources:
  Fn::ForEach::Rooms:
    - Name
    - !Ref Names
    - Room${Name}:
        Type: Custom::Thing
        Properties:
          ServiceToken: !Sub arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:things
          Name: !Ref Name
          Email: !Sub ${Name}@${Domain}
          Seats: !FindInMap [Rooms, !Ref Name, Seats, {DefaultValue: 0}]
          Json: {"Fn::ToJsonString": {name: !Ref Name, region: !Ref AWS::Region}}
          Literal: !Sub ${!Name}
          Of: {"Fn::Length": [a, !Ref Name]}
  Fn::ForEach::Floors:
    - Floor
    - !FindInMap [Floors, !Ref AWS::Region, Names]
    - Fn::ForEach::Desks:
        - Desk
        - [1, 2]
        - Desk${Floor}${Desk}:
            Type: Custom::Thing
            Properties:
              ServiceToken: !Sub arn:aws:lambda:${AWS::Region}:${AWS::AccountId}:function:things
              Name: !Sub ${Floor}-${Desk}
Outputs:
  Fn::ForEach::Ids:
    - Name
    - !Ref Names
    - Id${Name}: {Value: !GetAtt [!Sub "Room${Name}", Name]}
"""


def test_for_each(world: World) -> None:
    """Loops run over the values of this deployment, not defaults, and every function inside them is carried out."""
    outcome = world.deploy(FOR_EACH, {"Names": "north, attic", "Domain": "example.com"})
    assert outcome.ok
    assert outcome.outputs == {"Idnorth": "north", "Idattic": "attic"}
    assert world.things.names() == ["attic", "north", "north-1", "north-2", "south-1", "south-2"]
    created = world.cloud.last("Create", "Roomattic")["ResourceProperties"]
    assert created == {
        "ServiceToken": TOKEN,
        "Name": "attic",
        "Email": "attic@example.com",
        "Seats": "0",
        "Json": '{"name":"attic","region":"us-east-1"}',
        "Literal": "${Name}",
        "Of": "2",
    }
    assert world.cloud.last("Create", "Roomnorth")["ResourceProperties"]["Seats"] == "12"


def test_for_each_change(world: World) -> None:
    """A name taken off a loop's list is one resource deleted, and the others stay untouched."""
    world.deploy(FOR_EACH, {"Names": "a,b,c"})
    calls = len(world.cloud.events)
    assert world.deploy(FOR_EACH, {"Names": "a,c"}).ok
    assert world.cloud.sent()[calls:] == [("Delete", "Roomb")]


def test_for_each_over_nothing(world: World) -> None:
    """A loop over an empty list makes nothing; but a list parameter that is empty has one item, which is empty."""
    with pytest.raises(ValidationError, match="The collection of Fn::ForEach Name has an empty item"):
        world.deploy(FOR_EACH, {"Names": ""})
    assert world.deploy(FOR_EACH.replace("!Ref Names", "[]")).outputs == {}


NESTED = """
Transform: AWS::LanguageExtensions
Parameters: {Kind: {Type: String, Default: Desks}}
Mappings:
  M: {north: {Desks: [a, b], Chairs: [c]}, south: {Desks: [d], Chairs: [e, f]}}
  Legs: {c: {N: [1]}, e: {N: [1, 2]}, f: {N: []}}
Resources:
  Fn::ForEach::Floors:
    - Floor
    - [north, south]
    - Fn::ForEach::Things:
        - Thing
        - !FindInMap [M, !Ref Floor, !Ref Kind]
        - "${Floor}${Thing}":
            Type: Custom::Thing
            Properties: {ServiceToken: "%s", Name: !Sub "${Floor} ${Thing} ${!Floor}"}
          Fn::ForEach::Legs:
            - Leg
            - !FindInMap [Legs, !Ref Thing, N]
            - "${Floor}${Thing}${Leg}":
                Type: Custom::Thing
                Properties: {ServiceToken: "%s", Name: !Sub "leg ${Floor} ${Thing} ${Leg}"}
"""


def test_nested_for_each_by_map(world: World) -> None:
    """An inner loop may look its collection up with the variables of the loops around it, to any depth."""
    assert world.deploy(NESTED.replace("%s", TOKEN), {"Kind": "Chairs"}).ok
    things = ["north c ${Floor}", "south e ${Floor}", "south f ${Floor}"]
    assert world.things.names() == ["leg north c 1", "leg south e 1", "leg south e 2", *things]


def test_nested_for_each_without_a_value(world: World) -> None:
    """A collection that is not in the map is refused; nothing is guessed."""
    with pytest.raises(ValidationError, match="Unable to get mapping for M::north::Lamps"):
        world.deploy(NESTED.replace("%s", TOKEN), {"Kind": "Lamps"})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        (
            "Transform: AWS::LanguageExtensions\nResources:\n  Fn::ForEach::X: [N, [a, b], {R: {Type: 'Custom::T'}}]\n",
            "Transform AWS::LanguageExtensions failed with: .*Duplicate R",
        ),
        (
            "Transform: AWS::LanguageExtensions\nResources:\n  Fn::ForEach::X: [N, a, {R: {Type: 'Custom::T'}}]\n",
            "The collection of Fn::ForEach N must be a list",
        ),
        (
            "Transform: AWS::LanguageExtensions\nResources:\n  Fn::ForEach::X: [N]\n",
            "Transform AWS::LanguageExtensions failed with: .*template.yaml:3",
        ),
        ("Resources: []\n", "Resources section must be an object"),
    ],
)
def test_refused_template(world: World, body: str, message: str) -> None:
    """A template whose loops or transforms are wrong is refused before a stack exists."""
    with pytest.raises(ValidationError, match=message):
        world.deploy(body)
    assert world.engine.store.stacks == {}


@pytest.mark.parametrize(
    ("body", "line", "problem"),
    [
        ("Resources:\n  A: [\n  b: }\n", 3, "did not find expected node content"),
        ("Resources:\n  A: 1\n  A: 2\n", 2, "Duplicate found 'A'"),
        ('{\n\t"Resources": {,}\n}', 2, "did not find expected node content"),
        ("- a\n", 1, "unsupported structure"),
        ("Resources:\n  A:\n", 1, r"\[/Resources/A\] 'null' values are not allowed in templates"),
    ],
)
def test_undecodable(world: World, body: str, line: int, problem: str) -> None:
    """What is no template is refused with file, line and column."""
    with pytest.raises(TemplateFileError, match=problem) as caught:
        world.deploy(body)
    assert caught.value.path.name == "template.yaml"
    assert caught.value.line == line
    assert str(caught.value).startswith(f"{caught.value.path}:{line}:{caught.value.column}: ")


def test_missing_file(world: World, tmp_path: Path) -> None:
    """A missing file is named."""
    with pytest.raises(TemplateFileError, match=r"nowhere.yaml:1:1: no such template file"):
        world.engine.deploy(tmp_path / "nowhere.yaml", "demo")


def test_json(world: World) -> None:
    """A JSON template is as good as a YAML one, tabs included."""
    text = '{\n\t"Resources": {"A": {"Type": "Custom::Thing", "Properties": {"ServiceToken": "%s", "Name": "a"}}}\n}'
    assert world.engine.deploy(world.write(text % TOKEN, "template.json"), "demo").ok
    assert world.things.names() == ["a"]


def test_yaml_scalars(world: World) -> None:
    """Dates, and numbers and booleans as keys, are text, where loops look them up too."""
    document = """
AWSTemplateFormatVersion: 2010-09-09
Transform: AWS::LanguageExtensions
Mappings:
  Accounts:
    123456789012: {Since: 2020-01-02, At: 2020-01-02T03:04:05Z, Names: [a, b], true: x}
Resources:
  Fn::ForEach::Outer:
    - Key
    - [Names]
    - Fn::ForEach::Inner:
        - Name
        - !FindInMap [Accounts, 123456789012, !Ref Key]
        - "Thing${Name}":
            Type: Custom::Thing
            Properties:
              ServiceToken: "%s"
              Name: !Ref Name
              Since: !FindInMap [Accounts, !Ref AWS::AccountId, Since]
              At: !FindInMap [Accounts, !Ref AWS::AccountId, At]
              Flag: !FindInMap [Accounts, !Ref AWS::AccountId, true]
"""
    assert world.deploy(document % TOKEN).ok
    assert world.things.names() == ["a", "b"]
    created = world.cloud.last("Create", "Thinga")["ResourceProperties"]
    assert (created["Since"], created["At"], created["Flag"]) == ("2020-01-02", "2020-01-02T03:04:05Z", "x")
    assert world.engine.store.stacks["demo"].template["AWSTemplateFormatVersion"] == "2010-09-09"


def test_conditions(world: World) -> None:
    """Conditions decide about resources, outputs and property values, and may change with a parameter."""
    document: dict[str, Any] = {
        "Parameters": {"Big": {"Type": "String", "Default": "no"}},
        "Conditions": {"IsBig": {"Fn::Equals": [{"Ref": "Big"}, "yes"]}},
        "Resources": {
            "A": thing("a", Seats={"Fn::If": ["IsBig", 40, {"Ref": "AWS::NoValue"}]}),
            "B": thing("b", attributes={"Condition": "IsBig"}),
        },
        "Outputs": {"B": {"Condition": "IsBig", "Value": {"Ref": "B"}}},
    }
    assert world.deploy(document).outputs == {}
    assert world.things.things == {"thing-1": {"Name": "a"}}
    assert world.deploy(document, {"Big": "yes"}).outputs == {"B": "thing-2"}
    assert world.things.things == {"thing-1": {"Name": "a", "Seats": "40"}, "thing-2": {"Name": "b"}}
    assert world.deploy(document, {"Big": "no"}).outputs == {}
    assert world.things.things == {"thing-1": {"Name": "a"}}


ONE = template(A=thing("a"))
NEVER = {"Never": {"Fn::Equals": ["a", "b"]}}
SPLIT = {"C": {"Fn::Equals": [{"Fn::Select": [0, {"Fn::Split": ["", "ab"]}]}, "a"]}}


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (template(), "At least one Resources member must be defined"),
        ({"Resources": {"A-1": thing("a")}}, "Resource name A-1 is non alphanumeric"),
        ({"Resources": {"A": {"Properties": {}}}}, "Every Resources object must contain a Type member"),
        ({"Resources": {"A": {"Type": "Custom::" + "x" * 61}}}, "Unrecognized resource types"),
        (template(A=thing("a", attributes={"DependOn": "B"})), "Invalid template resource property 'DependOn'"),
        (template(A=thing("a", X={"Ref": "B"})), r"Unresolved resource dependencies \[B\] in the Resources block"),
        (template(A=thing("a", depends_on=["B"])), r"Unresolved resource dependencies \[B\] in the Resources block"),
        (template(A=thing("a"), outputs={"O": {"Value": {"Ref": "B"}}}), r"dependencies \[B\] in the Outputs block"),
        (
            template(A=thing("a"), outputs={"O": {}}),
            "Every Outputs member must contain a Value object; output O has none",
        ),
        (
            template(A=thing("a"), outputs={"O": {"Value": "x", "Export": "y"}}),
            "Name field of every Export member is required",
        ),
        (template(A=thing("a", attributes={"DeletionPolicy": "Snapshot"})), "DeletionPolicy 'Snapshot' of resource A"),
        (template(A=thing("a", attributes={"Condition": "C"})), "Unresolved condition dependency C"),
        (template(**{f"T{n}": thing("t") for n in range(501)}), "Number of resources, 501, is greater than maximum"),
        (template(A=thing("a", attributes={"DependsOn": {"B": 1}})), "Every DependsOn value must be a string"),
        (template(A=thing("a", attributes={"DependsOn": 7})), "Every DependsOn value must be a string"),
        (template(A=thing("a", X={"Fn::GetAtt": "B.Id"})), "instance of Fn::GetAtt references undefined resource B"),
        (template(A=thing("a", X={"Fn::Cidr": ["10.0.0.0/16", 2, 8]})), "Fn::Cidr needs AWS"),
        (template(A=thing("a", X={"Fn::GetStackOutput": {}})), "Fn::GetStackOutput needs AWS"),
        (
            template(A=thing("a", X={"Fn::Length": []})),
            "Fn::Length needs the line 'Transform: AWS::LanguageExtensions'",
        ),
        (template(A=thing("a", X={"Fn::Upper": "a"})), "encountered unsupported function: Fn::Upper"),
        (template(A=thing("a")) | {"Conditions": SPLIT}, "Fn::Split must not be empty"),
        (template(A=thing("a", X={"Fn::Split": ["", "ab"]})), "Fn::Split must not be empty"),
        (
            template(A=thing("a"), B=thing("b", X={"Fn::Join": ["", [{"Ref": "A"}, {"Fn::Select": [2, ["x"]]}]]})),
            "Fn::Select cannot select nonexistent value at index 2",
        ),
        (
            template(A=thing("a"), B=thing("b", X={"Fn::If": ["C", [{"Ref": "A"}, {"Fn::Select": [3, ["x"]]}], ""]}))
            | {"Conditions": {"C": {"Fn::Equals": [1, 1]}}},
            "Fn::Select cannot select nonexistent value at index 3",
        ),
        (template(A=thing("a", attributes={"DeletionPolicy": {"Ref": "AWS::Region"}})), "Every DeletionPolicy member"),
        (
            template(
                A=thing("a", X={"Fn::Sub": "{{resolve:ssm-secure:${AWS::Region}x:1}}"}, Y="{{resolve:ssm-secure:s}}")
            ),
            r"SSM Secure reference is not supported in: \[Custom::Thing/Properties/Y\]",
        ),
        (template(A=thing("a", X="{{resolve:ssm:/no}}")), r"Parameters: \[ssm:/no\] cannot be found"),
        (
            {"AWSTemplateFormatVersion": "2010-09-10", **ONE},
            "2010-09-10 is not a supported value for AWSTemplateFormat",
        ),
        ({"Ressources": {}, **ONE}, r"Invalid template property or properties \[Ressources\]"),
        ({"Parameters": {"P": {"Default": "x"}}, **ONE}, "Every Parameters object must contain a Type member"),
        ({"Parameters": {"P": {"Type": "Text"}}, **ONE}, "Unrecognized parameter type: Text"),
        ({"Parameters": {"a-b": {"Type": "String"}}, **ONE}, "Parameters name 'a-b' is non alphanumeric"),
        ({"Conditions": {"a-b": {"Fn::Equals": [1, 1]}}, **ONE}, "Conditions name 'a-b' is non alphanumeric"),
        (template(A=thing("a"), outputs={"a-b": {"Value": "x"}}), "Outputs name 'a-b' is non alphanumeric"),
        (
            {"Parameters": {f"P{n}": {"Type": "String", "Default": ""} for n in range(201)}, **ONE},
            "Number of parameters, 201, is greater than maximum allowed, 200",
        ),
        (
            template(A=thing("a"), outputs={f"O{n}": {"Value": "x"} for n in range(201)}),
            "Number of outputs, 201, is greater than maximum allowed, 200",
        ),
        (
            {"Conditions": {"C": {"Fn::Equals": [{"Ref": "A"}, 1]}}, **ONE},
            r"dependencies \[A\]. Cannot reference resour",
        ),
        ({"Conditions": {"C": {"Fn::Not": [{"Condition": "D"}]}}, **ONE}, "Unresolved condition dependency D"),
        ({"Metadata": [], **ONE}, "Metadata section must be an object"),
        ({"Description": ["x"], **ONE}, "every Description member must be a string"),
    ],
)
def test_invalid_template(world: World, document: dict[str, Any], message: str) -> None:
    """What CloudFormation refuses is refused with its words, and nothing happens."""
    with pytest.raises(ValidationError, match=message):
        world.deploy(document)
    assert world.cloud.events == []
    assert world.engine.store.stacks == {}


def test_pseudo_parameters(world: World) -> None:
    """Pseudo parameters have the values of this stack."""
    names = ["AccountId", "Partition", "Region", "StackId", "StackName", "URLSuffix"]
    outputs: dict[str, Any] = {name: {"Value": {"Ref": f"AWS::{name}"}} for name in names}
    outputs["Topics"] = {"Value": {"Fn::Join": [",", {"Ref": "AWS::NotificationARNs"}]}}
    outcome = world.deploy(template(A=thing("a"), outputs=outputs))
    assert outcome.outputs == {
        "AccountId": "123456789012",
        "Partition": "aws",
        "Region": "us-east-1",
        "StackId": outcome.stack_id,
        "StackName": "demo",
        "URLSuffix": "amazonaws.com",
        "Topics": "",
    }


@pytest.mark.parametrize(
    ("document", "message"),
    [
        (
            template(A=thing("a", X={"Fn::If": ["Never", {"Ref": "B"}, 1]})),
            r"dependencies \[B\] in the Resources block",
        ),
        (
            template(A=thing("a"), Off=thing("x", X={"Ref": "B"}, attributes={"Condition": "Never"})),
            r"dependencies \[B\]",
        ),
        (
            template(A=thing("a"), Off=thing("x", depends_on=["B"], attributes={"Condition": "Never"})),
            r"dependencies \[B\] in the Resources block",
        ),
        (
            template(A=thing("a"), outputs={"O": {"Condition": "Never", "Value": {"Ref": "B"}}}),
            r"dependencies \[B\] in the Outputs block",
        ),
        (template(A=thing("a", attributes={"Metadata": {"X": {"Ref": "B"}}})), r"dependencies \[B\] in the Resources"),
        (
            template(A=thing("a", X={"Fn::If": ["Never", {"Fn::If": ["Nope", 1, 2]}, 1]})),
            "Unresolved condition dependency Nope in the Resources block",
        ),
        (
            template(A=thing("a"), Off=thing("x", X={"Fn::GetAZs": ""}, attributes={"Condition": "Never"})),
            "Fn::GetAZs needs AWS",
        ),
    ],
)
def test_what_is_switched_off_is_checked_too(world: World, document: dict[str, Any], message: str) -> None:
    """References are checked in the whole template: branches not taken, what conditions switch off, and Metadata."""
    with pytest.raises(ValidationError, match=message):
        world.deploy({"Conditions": NEVER, **document})
    assert world.cloud.events == []


def test_metadata_is_a_dependency(world: World) -> None:
    """A resource waits for what its Metadata refers to."""
    world.deploy(template(A=thing("a", attributes={"Metadata": {"After": {"Ref": "B"}}}), B=thing("b")))
    assert world.cloud.sent() == [("Create", "B"), ("Create", "A")]


def test_version_of_a_custom_resource(world: World) -> None:
    """The attribute Version of a custom resource is accepted, as AWS's own examples have it."""
    assert world.deploy(template(A=thing("a", attributes={"Version": "1.0"}))).ok


@pytest.mark.parametrize(
    ("text", "line", "problem"),
    [
        ("X: &x {A: 1}\nY: *x\n", 2, "YAML aliases are not allowed in CloudFormation templates"),
        ("X: &x {A: 1}\nY: {<<: {B: 1}}\n", 2, "hash merges"),
        ("Transform: AWS::LanguageExtensions\nX: !Length [1]\n", 2, "!Length has no short form. Write Fn::Length"),
        ("X:\n  Y: !ToJsonString {A: 1}\n", 2, "!ToJsonString has no short form"),
    ],
)
def test_yaml_that_cloudformation_does_not_take(world: World, text: str, line: int, problem: str) -> None:
    """Aliases, merges and functions without a short form are refused at their line."""
    with pytest.raises(TemplateFileError, match=problem) as caught:
        world.deploy(text)
    assert caught.value.line == line


def test_a_template_over_1_mb(world: World) -> None:
    """A template larger than CloudFormation takes is refused before it is read."""
    with pytest.raises(ValidationError, match="Template may not exceed 1000000 bytes in size"):
        world.deploy("# " + "x" * 1_000_000)


def test_dynamic_references(make_world: Callable[..., World]) -> None:
    """A reference to a plain parameter of Systems Manager is resolved, with a version or without, in a text too."""
    world = make_world(parameter_store={"/room/name": "board", "/room/floor": "3"})
    world.deploy(
        {
            "Parameters": {"Floor": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "/room/floor"}},
            **template(
                A=thing(
                    "{{resolve:ssm:/room/name}}",
                    X="the {{resolve:ssm:/room/name:3}} room",
                    Y=[{"Z": "{{resolve:ssm:/room/name}}"}],
                    Floor={"Ref": "Floor"},
                    Sub={"Fn::Sub": "{{resolve:ssm:/room/${Part}}}".replace("${Part}", "name")},
                )
            ),
        }
    )
    (thing_,) = world.things.things.values()
    assert thing_ == {"Name": "board", "X": "the board room", "Y": [{"Z": "board"}], "Floor": "3", "Sub": "board"}


def test_a_dynamic_reference_that_is_known_late(make_world: Callable[..., World]) -> None:
    """A reference that only a parameter's value brings is resolved or fails the resource."""
    world = make_world(parameter_store={"/a": "x"})
    document = {"Parameters": {"P": {"Type": "String"}}, **template(A=thing("a", X={"Ref": "P"}))}
    failed = world.deploy(document, {"P": "{{resolve:ssm-secure:/a}}"})
    assert failed.status == "ROLLBACK_COMPLETE"
    assert any("SSM Secure reference is not supported" in line for line in told(failed))
    assert world.deploy(document, {"P": "{{resolve:ssm:/a}}"}, stack="two").ok
    assert [one["X"] for one in world.things.things.values()] == ["x"]


def test_what_a_condition_switches_off_is_not_evaluated(world: World) -> None:
    """A branch that is not taken may be what could not be evaluated, with a resource in it or without."""
    outside = {"Fn::Select": [3, ["x"]]}
    either = {"Fn::If": ["C", [{"Ref": "A"}, outside], {"Ref": "A"}]}
    conditions = {"Conditions": {"C": {"Fn::Equals": [1, 2]}}}
    document = template(A=thing("a", X={"Fn::If": ["C", outside, "x"]}), B=thing("b", X=either)) | conditions
    assert world.deploy(document).ok
