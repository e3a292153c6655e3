"""The checker of the documents' commands finds what is wrong with one."""

import pytest

from tests.e2e.commands import problems

STACK_SET = "aws cloudformation create-stack-set --stack-set-name rooms"
INSTANCES = "aws cloudformation create-stack-instances --stack-set-name rooms --regions us-east-1"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "# only a comment",
        "aws workmail list-resources --organization-id m-d281d0a2fd824be5b6cd3d3ce909fd27 --max-results 5",
        f"{STACK_SET} --capabilities CAPABILITY_IAM CAPABILITY_AUTO_EXPAND",
        f"{STACK_SET} --auto-deployment Enabled=true,RetainStacksOnAccountRemoval=false",
        f"{STACK_SET} --parameters ParameterKey=A,ParameterValue=1 ParameterKey=B,UsePreviousValue=true",
        f'{STACK_SET} --parameters \'[{{"ParameterKey": "A", "ParameterValue": "1"}}]\'',
        "aws cloudformation get-template --stack-name rooms --query TemplateBody > template.json",
        f"{INSTANCES} --deployment-targets OrganizationalUnitIds=ou-abcd-11111111,ou-abcd-22222222",
    ],
)
def test_a_command_that_the_aws_cli_takes_is_right(line: str) -> None:
    """Options in any of the AWS CLI's syntaxes are understood."""
    assert list(problems(line)) == []


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("rm -rf /", "nothing here can check the command rm"),
        ("aws workmale list-resources", "there is no service workmale"),
        ("aws workmail list-rooms", "has no command list-rooms"),
        ("aws workmail list-resources --organisation-id m-1", "has no option --organisation-id"),
        ("aws workmail list-resources", 'Missing required parameter in input: "OrganizationId"'),
        (f"{STACK_SET} --capabilities CAPABILITY_EVERYTHING", "CAPABILITY_EVERYTHING is none of CAPABILITY_IAM"),
        (f"{STACK_SET} --permission-model SERVICE-MANAGED", "SERVICE-MANAGED is none of"),
        (f"{STACK_SET} --auto-deployment Enable=true", 'Unknown parameter in AutoDeployment: "Enable"'),
        (f"{STACK_SET} --parameters Key=A,Value=1", 'Unknown parameter in Parameters[0]: "Key"'),
        ("sam deploy --guide", "sam deploy has no option --guide"),
        ("sam deploy --parameter-overrides AlarmTopic=x", "template.yaml has no parameter AlarmTopic"),
        ("make coffee", "the Makefile has no target coffee"),
    ],
)
def test_what_is_wrong_with_a_command_is_found(line: str, problem: str) -> None:
    """A program, command, option, name or value that does not exist is named."""
    assert any(problem in found for found in problems(line)), list(problems(line))
