"""What runs on a person's machine: the sandbox, the inventory, the rules for templates, and the schema."""
