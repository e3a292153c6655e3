"""The provider's template: what each parameter changes, and what the checkers are told to leave alone."""

import re
from collections import Counter
from typing import Any

import pytest
from cfnlint.decode import decode  # type: ignore[import-untyped] # cfn-lint ships no types

from tests.harness.policy import allowed_actions, listed, provider_resources, statements
from workmail_rooms.sandbox.cloudformation.errors import ValidationError
from workmail_rooms.sandbox.provider import read_provider
from workmail_rooms.sandbox.runtime import PROVIDER_TEMPLATE

ROOT = PROVIDER_TEMPLATE.parent
TEMPLATE: Any = decode(str(PROVIDER_TEMPLATE))[0]
TOPIC = "arn:aws:sns:eu-central-1:123456789012:alerts"
FUNCTIONS = ("ProviderFunction", "LastResortFunction")
ROLES = ("ProviderRole", "LastResortRole")
ALARM = "AWS::CloudWatch::Alarm"
TRACES = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}


def of_type(resources: dict[str, Any], kind: str) -> dict[str, Any]:
    """Return the properties of the resources of one type."""
    return {name: body["Properties"] for name, body in resources.items() if body["Type"] == kind}


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
