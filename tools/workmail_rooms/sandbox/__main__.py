"""Lets ``python -m workmail_rooms.sandbox`` work."""

from workmail_rooms.sandbox.cli import main

raise SystemExit(main())
