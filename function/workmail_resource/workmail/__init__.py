"""Rooms and equipment: what a template declares, what WorkMail shows, and how the one becomes the other."""
