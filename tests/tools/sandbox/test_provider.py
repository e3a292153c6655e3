"""The provider's own SAM template says what runs in the sandbox."""

from pathlib import Path

import pytest

from workmail_rooms.sandbox.cloudformation.errors import TemplateFileError, ValidationError
from workmail_rooms.sandbox.provider import Provider, read_provider

TEMPLATE = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  LogLevel: {Type: String, Default: INFO}
  Concurrency: {Type: Number, Default: 0}
Conditions:
  HasConcurrency: !Not [!Equals [!Ref Concurrency, 0]]
  Never: !Equals [a, b]
Globals:
  Function:
    Runtime: python3.13
    MemorySize: 256
    Environment: {Variables: {LOG_LEVEL: !Ref LogLevel}}
Resources:
  ProviderFunction:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: function/
      Handler: workmail_resource.app.handler
      Timeout: 300
      ReservedConcurrentExecutions: !If [HasConcurrency, !Ref Concurrency, !Ref AWS::NoValue]
      Environment: {Variables: {LEDGER_TABLE: !Ref LedgerTable, ABANDON: false}}
      Policies:
        - Statement:
            - {Effect: Allow, Action: "dynamodb:GetItem", Resource: !GetAtt Somewhere.Else}
      EventInvokeConfig:
        MaximumRetryAttempts: 1
        MaximumEventAgeInSeconds: 3600
        DestinationConfig: {OnFailure: {Type: Lambda, Destination: !GetAtt LastResortFunction.Arn}}
  LastResortFunction:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: last/, Handler: last.handler, MemorySize: 128}
  NeverFunction:
    Type: AWS::Serverless::Function
    Condition: Never
    Properties: {CodeUri: never/, Handler: never.handler}
  LedgerTable:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: Key, AttributeType: S}]
      KeySchema: [{AttributeName: Key, KeyType: HASH}]
  Logs:
    Type: AWS::Logs::LogGroup
Outputs:
  ServiceToken:
    Value: !GetAtt ProviderFunction.Arn
    Export: {Name: !Sub "${AWS::StackName}-ServiceToken"}
  LedgerTableName:
    Value: !Ref LedgerTable
"""
PROVIDER_ARN = "arn:aws:lambda:eu-west-1:123456789012:function:workmail-resource-ProviderFunction"
LAST_ARN = "arn:aws:lambda:eu-west-1:123456789012:function:workmail-resource-LastResortFunction"


@pytest.fixture
def template(tmp_path: Path) -> Path:
    """Write the template."""
    path = tmp_path / "template.yaml"
    path.write_text(TEMPLATE, encoding="utf-8")
    return path


def read(template: Path, parameters: dict[str, str] | None = None, code: Path | None = None) -> Provider:
    """Read the template in a Region of choice."""
    return read_provider(
        template,
        account_id="123456789012",
        region="eu-west-1",
        parameters=parameters,
        variables={"AWS_ENDPOINT_URL_WORKMAIL": "http://127.0.0.1:1"},
        code=code,
    )


def test_the_functions_are_as_declared(template: Path) -> None:
    """Each function has its code, handler, limits and environment, its own values over the Globals."""
    provider, last = read(template).functions

    assert provider.arn == PROVIDER_ARN
    assert provider.code == (template.parent / "function").resolve()
    assert provider.handler == "workmail_resource.app.handler"
    assert (provider.timeout, provider.memory, last.memory) == (300, 256, 128)
    assert provider.environment == {
        "LOG_LEVEL": "INFO",
        "LEDGER_TABLE": "workmail-resource-LedgerTable",
        "ABANDON": "false",
        "AWS_ENDPOINT_URL_WORKMAIL": "http://127.0.0.1:1",
    }
    assert last.environment == {"LOG_LEVEL": "INFO", "AWS_ENDPOINT_URL_WORKMAIL": "http://127.0.0.1:1"}


def test_asynchronous_invocation_is_as_declared(template: Path) -> None:
    """Retries, age and destination come from EventInvokeConfig, and Lambda's defaults hold without it."""
    provider, last = read(template).functions

    assert (provider.maximum_retry_attempts, provider.maximum_event_age) == (1, 3600)
    assert provider.on_failure == last.arn == LAST_ARN
    assert (last.maximum_retry_attempts, last.maximum_event_age, last.on_failure) == (2, 21600, None)


def test_parameters_reach_the_functions(template: Path) -> None:
    """A parameter's value arrives where the template uses it; conditions follow it."""
    provider, _ = read(template, {"LogLevel": "DEBUG", "Concurrency": "7"}).functions

    assert provider.environment["LOG_LEVEL"] == "DEBUG"
    assert provider.concurrency == 7
    assert read(template).functions[0].concurrency == 4


def test_the_table_and_the_export_are_as_declared(template: Path) -> None:
    """The ledger has its keys, and the ServiceToken is exported under the name that examples import."""
    provider = read(template)

    assert list(provider.tables) == ["workmail-resource-LedgerTable"]
    assert provider.stack.outputs == {"ServiceToken": PROVIDER_ARN, "LedgerTableName": "workmail-resource-LedgerTable"}
    assert provider.stack.parameters == {"LogLevel": "INFO", "Concurrency": "0"}
    assert provider.tables["workmail-resource-LedgerTable"]["KeySchema"] == [
        {"AttributeName": "Key", "KeyType": "HASH"}
    ]
    assert provider.exports == {"workmail-resource-ServiceToken": PROVIDER_ARN}


def test_a_built_package_can_be_run(template: Path, tmp_path: Path) -> None:
    """Another code folder takes the place of CodeUri."""
    assert read(template, code=tmp_path / "built").functions[0].code == tmp_path / "built"


def test_an_unknown_parameter_is_refused(template: Path) -> None:
    """A parameter that the template does not have is named."""
    with pytest.raises(ValidationError, match="Nothing"):
        read(template, {"Nothing": "1"})


def test_a_missing_template_is_named(tmp_path: Path) -> None:
    """Without the provider's template there is a message with its path."""
    with pytest.raises(TemplateFileError, match=r"template\.yaml"):
        read(tmp_path / "template.yaml")


def test_what_exists_only_in_aws_is_named(template: Path) -> None:
    """An attribute that the sandbox cannot know is named with its resource."""
    text = template.read_text(encoding="utf-8").replace(
        "Value: !GetAtt ProviderFunction.Arn", "Value: !GetAtt Logs.Arn"
    )
    template.write_text(text, encoding="utf-8")

    with pytest.raises(ValidationError, match=r"no value for Logs\.Arn"):
        read(template)
