"""WorkMail and CloudFormation's custom-resource lifecycle on one machine, driving the real provider function."""
