"""Existing rooms and equipment, read from WorkMail and written as templates that adopt them, or as data. Only reads."""
