"""The sandbox's account: where it says it is, and how clients are led to it."""

# The number that AWS's documentation uses.
ACCOUNT_ID = "123456789012"
REGION = "us-east-1"


def endpoint_variables(url: str) -> dict[str, str]:
    """Return the environment variables that lead boto3 and the AWS CLI to the services at *url*."""
    return {f"AWS_ENDPOINT_URL_{service}": url for service in ("CLOUDFORMATION", "DYNAMODB", "WORKMAIL")}
