"""``Custom::WorkMailResource``: Amazon WorkMail rooms and equipment, declared in CloudFormation stacks."""
