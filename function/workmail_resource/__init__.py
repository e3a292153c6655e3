"""``Custom::WorkMailResource``: Amazon WorkMail rooms and equipment, declared in CloudFormation stacks."""

#: The version of the whole project, stated here and nowhere else.
__version__ = "1.1.0"
