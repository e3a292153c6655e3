"""The made-up organizations that a fresh sandbox begins with, so that the examples run as they are."""

from workmail_rooms.sandbox.workmail import WorkMailBackend

EXAMPLE = "m-d281d0a2fd824be5b6cd3d3ce909fd27"
OTHER = "m-11112222333344445555666677778888"


def seed(workmail: WorkMailBackend) -> None:
    """Add two organizations: the examples' own, and one to which a room can be moved (a replacement)."""
    workmail.seed(
        "example",
        organization_id=EXAMPLE,
        verified_domains=["example.com"],
        unverified_domains=["unverified.example.net"],
        users=["alice", "bob", "carol"],
        groups=["facilities"],
    )
    workmail.seed(
        "other",
        organization_id=OTHER,
        verified_domains=["example.org"],
        users=["dave"],
        groups=["reception"],
    )
