"""Lets ``python -m sandbox`` work."""

from sandbox.cli import main

raise SystemExit(main())
