"""CloudFormation's protocol for custom resources; knows neither WorkMail nor the ledger."""
