"""The calendars of rooms and equipment, exported to S3 by WorkMail's own jobs."""
