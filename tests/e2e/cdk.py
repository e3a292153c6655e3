"""The examples of the AWS CDK, synthesized."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.e2e.documents import ROOT

#: Of the template in the folder.
TEMPLATE: Final = "rooms.template.json"

NODE: Final = shutil.which("node") and shutil.which("npm")
PYTHON: Final = "cdk/app.py"
TYPESCRIPT: Final = "cdk-typescript/app.ts"

#: How `cdk synth` runs each app, by its cdk.json, in the app's folder.
_COMMANDS: Final = {
    PYTHON: (sys.executable, "-W", "error", "app.py"),
    TYPESCRIPT: ("node", "build/app.js"),
}


def is_compiled() -> bool:
    """Compile the app in TypeScript, if it has changed; tell whether npm could install what that needs.

    ``make test`` has done both before.
    """
    target = "examples/cdk-typescript/build/app.js"
    subprocess.run(["make", target], cwd=ROOT, check=True)  # noqa: S607 - the user's make
    return (ROOT / target).exists()


def synthesize(folder: Path, app: str = PYTHON) -> None:
    """Let the app write what ``cdk synth`` makes of it: it sets the same variable.

    The CDK's own look at the template, whose findings are warnings, would take nine tenths of the time.
    """
    environment = {**os.environ, "CDK_OUTDIR": str(folder), "CDK_VALIDATION": "false", "PYTHONDONTWRITEBYTECODE": "1"}
    made = subprocess.run(
        _COMMANDS[app],
        cwd=(ROOT / "examples" / app).parent,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    # On stderr, jsii may complain about the node.
    assert made.returncode == 0, made.stderr
