"""What WorkMail has, against what templates declare. Only reads."""
