"""The provider's template: what each parameter changes, and what the checkers are told to leave alone."""

import io
import itertools
import json
import re
import tomllib
import zipfile
from collections import Counter
from typing import Any, Final

import boto3
import pytest
from cfnlint.decode import decode  # type: ignore[import-untyped] # cfn-lint ships no types
from moto import mock_aws
from samtranslator.translator.transform import transform  # type: ignore[import-untyped] # it ships no types

from tests.harness.policy import KEY, allowed_actions, listed, provider_resources, provider_stack, statements
from workmail_resource import __version__
from workmail_rooms.sandbox.cloudformation.errors import ValidationError
from workmail_rooms.sandbox.provider import read_provider
from workmail_rooms.sandbox.runtime import PROVIDER_TEMPLATE

ROOT = PROVIDER_TEMPLATE.parent
TEMPLATE: Any = decode(str(PROVIDER_TEMPLATE))[0]
TOPIC = "arn:aws:sns:eu-central-1:123456789012:alerts"
BOUNDARY = "arn:aws:iam::123456789012:policy/boundaries/developers"
ORGANIZATIONS = (f"m-{'1' * 32}", f"m-{'2' * 32}")
FUNCTIONS = ("ProviderFunction", "LastResortFunction")
ROLES = ("ProviderRole", "LastResortRole")
ALARM = "AWS::CloudWatch::Alarm"
TRACES = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}


#: For each condition, a parameter that turns it from what it is by default.
TURNS: Final = {
    "ExportsByStackName": {"ExportName": "rooms"},
    "HasBoundary": {"PermissionsBoundaryArn": BOUNDARY},
    "HasKey": {"KmsKeyArn": KEY},
    "MakesTable": {"LedgerTableName": "kept"},
    "NamesFunction": {"FunctionName": "workmail-resource"},
    "RaisesAlarms": {"AlarmTopicArn": TOPIC},
    "ReservesConcurrency": {"ReservedConcurrency": "0"},
    "Traces": {"Tracing": "Active"},
}


def of_type(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the properties of the resources of one type."""
    return {name: body["Properties"] for name, body in resources.items() if body["Type"] == kind}


# ------------------------------------------------------------------------------------------------------- combinations


def combinations() -> list[dict[str, str]]:
    """Return parameters for every combination of the conditions."""
    chosen = itertools.product(*([{}, change] for change in TURNS.values()))
    return [{name: value for change in changes for name, value in change.items()} for changes in chosen]


def test_every_combination_of_the_conditions_is_a_stack() -> None:
    """Whatever is switched on and off: nothing refers to what is not there, and what is there is as asked for."""
    assert TURNS.keys() == TEMPLATE["Conditions"].keys()
    assert len(combinations()) == 2 ** len(TURNS)
    for given in combinations():
        stack = provider_stack(**given)
        resources = stack["Resources"]
        provider = resources["ProviderFunction"]["Properties"]
        table = given.get("LedgerTableName", "LedgerTable")
        assert provider.get("FunctionName") == given.get("FunctionName")
        assert ("ReservedConcurrentExecutions" in provider) == ("ReservedConcurrency" not in given)
        assert (
            provider["Environment"]["Variables"]["LEDGER_TABLE"]
            == table
            == stack["Outputs"]["LedgerTableName"]["Value"]
        )
        assert ("LedgerTable" in resources) == (table == "LedgerTable")
        assert bool(of_type(resources, ALARM)) == ("AlarmTopicArn" in given)
        for role in ROLES:
            assert resources[role]["Properties"].get("PermissionsBoundary") == given.get("PermissionsBoundaryArn")
        for group in of_type(resources, "AWS::Logs::LogGroup").values():
            assert group.get("KmsKeyId") == given.get("KmsKeyArn")


def expanded() -> str:
    """Return the template as SAM expands it."""
    document = json.loads(json.dumps(TEMPLATE))
    for name in FUNCTIONS:
        document["Resources"][name]["Properties"]["CodeUri"] = "s3://code/package.zip"
    # moto tries YAML first, and sees at the first tab, not after half a second, that JSON is none.
    return json.dumps(transform(document, {}, None), indent="\t")


def deployed(cloudformation: Any, given: dict[str, str]) -> set[str]:
    """Deploy the provider in moto's CloudFormation, delete it, and return what there was."""
    cloudformation.create_stack(
        StackName="workmail-resource",
        TemplateURL="https://code.s3.amazonaws.com/template.json",
        Capabilities=["CAPABILITY_IAM"],
        Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in given.items()],
    )
    made = cloudformation.describe_stack_resources(StackName="workmail-resource")["StackResources"]
    cloudformation.delete_stack(StackName="workmail-resource")
    return {one["LogicalResourceId"] for one in made if "LogicalResourceId" in one}


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:Tried to parse AWS:UserWarning")  # moto has no alarms and no EventInvokeConfig
def test_another_cloudformation_makes_and_deletes_every_combination(monkeypatch: pytest.MonkeyPatch) -> None:
    """Moto's CloudFormation, which shares nothing with ours, takes the template; only the ledger outlives the stack."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as file:
        file.writestr("app.py", "")
    kept = 0
    with mock_aws(config={"lambda": {"use_docker": False}}):
        s3, cloudformation = boto3.client("s3"), boto3.client("cloudformation")
        iam, dynamodb = boto3.client("iam"), boto3.client("dynamodb")
        s3.create_bucket(Bucket="code")
        s3.put_object(Bucket="code", Key="package.zip", Body=package.getvalue())
        s3.put_object(Bucket="code", Key="template.json", Body=expanded())
        for given in combinations():
            made = deployed(cloudformation, {"OrganizationIds": ",".join(ORGANIZATIONS), **given})
            assert {*FUNCTIONS, *ROLES} <= made
            assert ("LedgerTable" in made) == ("LedgerTableName" not in given)
            kept += "LedgerTable" in made
        assert iam.list_roles()["Roles"] == []
        pages = dynamodb.get_paginator("list_tables").paginate()
        assert sum(len(page["TableNames"]) for page in pages) == kept == len(combinations()) / 2


# ------------------------------------------------------------------------------------------------- what is given


@pytest.mark.parametrize(
    ("given", "parts"),
    [("*", ["*"]), (ORGANIZATIONS[0], [ORGANIZATIONS[0]]), (", ".join(ORGANIZATIONS), ORGANIZATIONS)],
)
def test_each_organization_is_allowed_by_its_own_arn(given: str, parts: list[str]) -> None:
    """WorkMail is allowed on one whole ARN for each of OrganizationIds, and on nothing else."""
    (statement,) = [one for one in statements(parameters={"OrganizationIds": given}) if one["Sid"] == "WorkMail"]
    assert statement["Resource"] == [f"arn:aws:workmail:*:*:organization/{part}" for part in parts]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OrganizationIds", ""),
        ("OrganizationIds", f"m-{'1' * 31}"),
        ("OrganizationIds", f"{ORGANIZATIONS[0]},m-1"),
        ("OrganizationIds", f"M-{'1' * 32}"),
        ("OrganizationIds", f"m-{'1' * 32}*"),
        ("FunctionName", "two words"),
        ("FunctionName", "x" * 65),
        ("LedgerTableName", "ab"),
        ("LedgerTableName", "arn:aws:dynamodb:us-east-1:123456789012:table/kept"),
        ("PermissionsBoundaryArn", "developers"),
        ("KmsKeyArn", "alias/rooms"),
    ],
)
def test_a_typing_error_fails_the_deployment(name: str, value: str) -> None:
    """What cannot work is refused before anything is deployed, and not at the first room."""
    with pytest.raises(ValidationError, match=name):
        provider_resources(**{name: value})


def test_the_ledger_is_kept() -> None:
    """The table outlives its stack, nobody deletes it by mistake, and what was lost can be had back."""
    table = provider_resources()["LedgerTable"]
    assert (table["DeletionPolicy"], table["UpdateReplacePolicy"]) == ("Retain", "Retain")
    assert table["Properties"]["DeletionProtectionEnabled"] is True
    assert table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
    assert table["Properties"]["SSESpecification"] == {"SSEEnabled": True}
    encrypted = provider_resources(KmsKeyArn=KEY)["LedgerTable"]["Properties"]["SSESpecification"]
    assert encrypted == {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": KEY}


def test_the_role_may_use_the_key_only_when_there_is_one() -> None:
    """Without a key of one's own the function has no permission in KMS."""
    assert not [one for one in statements(parameters={}) if one["Sid"] == "LedgerKey"]
    assert [one["Resource"] for one in statements(parameters={"KmsKeyArn": KEY}) if one["Sid"] == "LedgerKey"] == [KEY]


def test_the_outputs_tell_what_operators_need() -> None:
    """Token, table, function, both log groups and the version are outputs."""
    outputs = {name: output["Value"] for name, output in provider_stack()["Outputs"].items()}
    assert outputs == {
        "ServiceToken": "ProviderFunction.Arn",
        "LedgerTableName": "LedgerTable",
        "FunctionName": "ProviderFunction",
        "ProviderLogGroupName": "ProviderLogGroup",
        "LastResortLogGroupName": "LastResortLogGroup",
        "Version": __version__,
    }


def test_a_new_installation_names_its_function_and_an_old_one_does_not() -> None:
    """samconfig.toml gives new installations a name; without it, as 1.0.0 was installed, everything is as it was."""
    samconfig = tomllib.loads((ROOT / "samconfig.toml").read_text(encoding="utf-8"))
    given = samconfig["default"]["deploy"]["parameters"]["parameter_overrides"]
    assert given == ["FunctionName=workmail-resource"]
    assert "FunctionName" not in provider_resources()["ProviderFunction"]["Properties"]
    # The parameters of 1.0.0, with what somebody gave for each.
    old = {
        "OrganizationIds": ORGANIZATIONS[0],
        "WorkMailRegion": "eu-west-1",
        "AbandonOnDelete": "false",
        "Architecture": "arm64",
        "ReservedConcurrency": "10",
        "LogRetentionInDays": "90",
        "LogLevel": "INFO",
        "MetricsNamespace": "WorkMailResource",
        "AlarmTopicArn": TOPIC,
        "Tracing": "Active",
        "ExportName": "",
    }
    resources = provider_resources(**old)
    assert "FunctionName" not in resources["ProviderFunction"]["Properties"]
    assert "LedgerTable" in resources


# ------------------------------------------------------------------------------------------------------------ alarms


def test_without_a_topic_there_are_no_alarms() -> None:
    """Nobody pays for an alarm that nobody hears."""
    assert of_type(provider_resources(), ALARM) == {}


def test_every_alarm_tells_the_topic() -> None:
    """With a topic, each alarm tells it of a metric of Lambda's or of ours, and says what is wrong."""
    alarms = of_type(provider_resources(AlarmTopicArn=TOPIC, MetricsNamespace="Rooms"), ALARM)
    assert {
        (alarm["MetricName"], alarm["Dimensions"][0]["Value"], alarm["Statistic"]) for alarm in alarms.values()
    } == {
        ("AsyncEventAge", "ProviderFunction", "Maximum"),
        ("DestinationDeliveryFailures", "ProviderFunction", "Sum"),
        ("Errors", "LastResortFunction", "Sum"),
        ("Errors", "ProviderFunction", "Sum"),
        ("Invocations", "LastResortFunction", "Sum"),
        ("Unanswered", "workmail-resource", "Sum"),
    }
    for alarm in alarms.values():
        assert alarm["Namespace"] == ("Rooms" if alarm["MetricName"] == "Unanswered" else "AWS/Lambda")
        assert alarm["AlarmActions"] == [TOPIC]
        assert alarm["TreatMissingData"] == "notBreaching"
        assert "Custom::WorkMailResource" in alarm["AlarmDescription"]


def test_both_functions_write_the_metric_that_the_alarm_reads() -> None:
    """Each function is told the namespace in which UnansweredAlarm looks."""
    resources = provider_resources(AlarmTopicArn=TOPIC, MetricsNamespace="Rooms")
    for name in FUNCTIONS:
        variables = resources[name]["Properties"]["Environment"]["Variables"]
        assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "Rooms"


def test_the_last_resort_answers_while_somebody_waits() -> None:
    """An event that waited too long is given up before the longest ServiceTimeout, an hour, has passed."""
    invoke = provider_resources()["ProviderFunction"]["Properties"]["EventInvokeConfig"]
    assert invoke["MaximumEventAgeInSeconds"] == 3000


def test_the_last_resort_may_do_nothing_but_log() -> None:
    """The last-resort function needs no service but its log (contract 39)."""
    assert allowed_actions(role="LastResortRole") - TRACES == {"logs:CreateLogStream", "logs:PutLogEvents"}


def test_events_that_wait_raise_the_alarm_before_they_are_given_up() -> None:
    """The alarm of waiting events comes at half of the age at which Lambda drops them."""
    resources = provider_resources(AlarmTopicArn=TOPIC)
    age = resources["ProviderFunction"]["Properties"]["EventInvokeConfig"]["MaximumEventAgeInSeconds"]
    assert resources["EventsWaitingAlarm"]["Properties"]["Threshold"] == age * 1000 / 2


@pytest.mark.parametrize("topic", ["alerts", "arn:aws:sqs:eu-central-1:123456789012:alerts", f"{TOPIC}.fifo", " "])
def test_an_alarm_topic_is_the_arn_of_a_topic(topic: str) -> None:
    """What is no ARN of a standard SNS topic is refused before anything is deployed: alarms cannot tell others."""
    with pytest.raises(ValidationError, match="AlarmTopicArn"):
        provider_resources(AlarmTopicArn=topic)


@pytest.mark.parametrize("topic", ["arn:aws-us-gov:sns:us-gov-west-1:123456789012:a", TOPIC])
def test_an_alarm_topic_is_in_any_partition(topic: str) -> None:
    """The ARN of a topic is taken, wherever it is."""
    assert of_type(provider_resources(AlarmTopicArn=topic), ALARM)


# ----------------------------------------------------------------------------------------------------------- tracing


@pytest.mark.parametrize(
    ("tracing", "actions"),
    [("PassThrough", set()), ("Active", TRACES)],
)
def test_the_roles_may_trace_only_when_the_functions_do(tracing: str, actions: set[str]) -> None:
    """Both functions trace as the parameter says, and their roles have X-Ray's permissions only then."""
    resources = provider_resources(Tracing=tracing)
    assert [resources[name]["Properties"]["Tracing"] for name in FUNCTIONS] == [tracing] * 2
    for role in ROLES:
        allowed = {
            action for statement in statements(role, {"Tracing": tracing}) for action in listed(statement["Action"])
        }
        assert {action for action in allowed if action.startswith("xray:")} == actions


# -------------------------------------------------------------------------------------------------- metrics and exports


def test_the_metrics_namespace_reaches_the_function() -> None:
    """Powertools takes the namespace from the environment that the parameter sets."""
    resources = provider_resources(MetricsNamespace="Rooms/eu-west-1")
    variables = resources["ProviderFunction"]["Properties"]["Environment"]["Variables"]
    assert variables["POWERTOOLS_METRICS_NAMESPACE"] == "Rooms/eu-west-1"


@pytest.mark.parametrize("namespace", ["", "AWS/Lambda", ":rooms", "two words", "x" * 256])
def test_a_namespace_that_cloudwatch_refuses_is_refused(namespace: str) -> None:
    """CloudWatch would drop such metrics without a word."""
    with pytest.raises(ValidationError, match="MetricsNamespace"):
        provider_resources(MetricsNamespace=namespace)


@pytest.mark.parametrize(
    ("name", "export"), [("", "workmail-resource-ServiceToken"), ("rooms:ServiceToken", "rooms:ServiceToken")]
)
def test_the_service_token_is_exported_under_the_name_given(name: str, export: str) -> None:
    """A StackSet gives its stacks names that no template can know; ExportName is the same in all of them."""
    provider = read_provider(
        PROVIDER_TEMPLATE, account_id="123456789012", region="us-east-1", parameters={"ExportName": name}
    )
    assert list(provider.exports) == [export]


# ---------------------------------------------------------------------------------------------------------- metadata


def test_the_console_shows_every_parameter_once() -> None:
    """Every parameter stands in one group, has a label, and says what it is."""
    interface = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]
    grouped = [name for group in interface["ParameterGroups"] for name in group["Parameters"]]
    assert Counter(grouped) == Counter(TEMPLATE["Parameters"].keys())
    assert interface["ParameterLabels"].keys() == TEMPLATE["Parameters"].keys()
    assert all(parameter["Description"] for parameter in TEMPLATE["Parameters"].values())


def test_the_application_can_be_published() -> None:
    """The metadata have what the Serverless Application Repository requires, in its form, and files that exist.

    https://docs.aws.amazon.com/serverless-application-model/latest/developerguide/serverless-sam-template-publishing-applications-metadata-properties.html
    """
    application = TEMPLATE["Metadata"]["AWS::ServerlessRepo::Application"]
    assert re.fullmatch(r"[a-zA-Z0-9\-]{1,140}", application["Name"])
    assert 1 <= len(application["Description"]) <= 256
    assert re.fullmatch(r"[a-z0-9](([a-z0-9]|-(?!-))*[a-z0-9])?", application["Author"])
    assert len(application["Labels"]) <= 10
    assert all(re.fullmatch(r"[a-zA-Z0-9+\-_:/@]{1,127}", label) for label in application["Labels"])
    assert (ROOT / application["LicenseUrl"]).is_file()
    assert (ROOT / application["ReadmeUrl"]).is_file()
    assert f'license = "{application["SpdxLicenseId"]}"' in (ROOT / "pyproject.toml").read_text()


# ------------------------------------------------------------------------------------------------------ suppressions


def suppressions() -> list[tuple[str, dict[str, str]]]:
    """Return what checkov is told to skip, each with its resource."""
    return [
        (name, skip)
        for name, resource in TEMPLATE["Resources"].items()
        for skip in resource.get("Metadata", {}).get("checkov", {}).get("skip", ())
    ]


@pytest.mark.parametrize(("resource", "skip"), suppressions())
def test_every_skipped_check_has_its_reason(resource: str, skip: dict[str, str]) -> None:
    """Checkov skips a check of one resource only, and for a reason that is a sentence."""
    assert skip.keys() == {"id", "comment"}, resource
    assert re.fullmatch(r"CKV2?_AWS_\d+", skip["id"])
    assert len(skip["comment"].split()) >= 5
    assert skip["comment"].endswith(".")


def test_nothing_else_is_skipped() -> None:
    """No check of the provider's template is switched off for a whole file, on the command line, or in cfn-lint."""
    assert suppressions()
    for path in (PROVIDER_TEMPLATE, ROOT / "Makefile", *ROOT.glob(".cfnlintrc*")):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"checkov:skip|--skip-check|--soft-fail|ignore_checks|--ignore-checks|cfn-lint:", text)
    assert [path.name for path in ROOT.glob(".checkov*")] == []


def test_a_check_that_an_example_ignores_has_its_reason() -> None:
    """Where cfn-lint is told to ignore a check of an example, the line says why."""
    ignored = [
        line.strip()
        for path in ROOT.glob("examples/**/*.yaml")
        for block in re.findall(r"ignore_checks:\n((?: +- .*\n)+)", path.read_text(encoding="utf-8"))
        for line in block.splitlines()
    ]
    assert ignored
    assert all(re.fullmatch(r"- [EWI]\d{4} # .{20,}", line) for line in ignored), ignored
