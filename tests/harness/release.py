"""Writes down what the present version leaves in WorkMail and in the ledger, for contract 44.

``make release`` runs it. Later versions have to update and delete what it describes. With an argument, the fixture has
that name: ``python -m tests.harness.release unreleased`` writes down a form that no release has yet.
"""

import json
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from tests.harness.properties import everything, room_properties
from tests.harness.stage import Stage
from workmail_resource import __version__

FOLDER: Final = Path(__file__).resolve().parent.parent / "contracts" / "versions"

RESOURCES: Final[dict[str, dict[str, Any]]] = {
    "Room": everything(),
    "Store": room_properties(Name="store", Type="EQUIPMENT", Email=None),
    "Adopted": room_properties(Name="den", Email="den@example.com", ExistingResource="ADOPT"),
}


def main(name: str = __version__) -> None:
    """Write the fixture of the present version."""
    with tempfile.TemporaryDirectory() as folder, Stage(Path(folder), logs=Path(folder) / "logs") as stage:
        stage.create_room("den", Email="former@example.com")
        resources = {}
        for logical_id, properties in RESOURCES.items():
            answer = stage.deliver(stage.event("Create", properties=properties, logical_id=logical_id))
            if not answer.succeeded:
                raise SystemExit(answer.reason)
            resources[logical_id] = answer.physical_id
        state = stage.backends.export_state()
        document = {
            "version": name,
            "stack_id": stage.stack_id,
            "resources": resources,
            "properties": RESOURCES,
            "ledger": next(iter(state["dynamodb"].values())),
            "workmail": state["workmail"],
        }
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
