"""``python -m release.files BUILD FOLDER``: the files that a release publishes, from what ``sam build`` has made.

They are the function as a zip, a template that names the zip, the files that the template's metadata name, the wheel,
and the SHA-256 checksums of all. Two runs on one commit make the same bytes.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Final

from workmail_resource import __version__

ROOT: Final = Path(__file__).resolve().parents[2]
SUMS: Final = "SHA256SUMS"
#: What `sam package` uploads beside the function, by the template's metadata.
METADATA_FILES: Final = ("LICENSE", "README.md")
#: The date of every file in the zip, the earliest that a zip has.
_MODIFIED_AT: Final = (1980, 1, 1, 0, 0, 0)


def archive(folder: Path, target: Path) -> None:
    """Zip what is in *folder*; the same files make the same bytes, whatever their dates and permissions."""
    with zipfile.ZipFile(target, "w") as file:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _MODIFIED_AT)
            entry.external_attr = 0o644 << 16
            file.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=9)


def packaged(template: str, code: str, version: str) -> str:
    """Return the template with *code*, a zip beside it, for both functions, and with its SemanticVersion.

    Raises
    ------
    ValueError
        The template does not have exactly the two functions and the metadata that this knows.
    """
    for pattern, replacement, expected in (
        (r"(?m)^( +CodeUri: )function/$", rf"\g<1>{code}", 2),
        (r"(?m)^( +)(SpdxLicenseId: .*)$", rf"\1\2\n\1SemanticVersion: {version}", 1),
    ):
        template, count = re.subn(pattern, replacement, template)
        if count != expected:
            raise ValueError(f"the template has {count} times {pattern!r}, and {expected} were expected")
    return template


def checksums(folder: Path) -> str:
    """Return a line for each file in *folder*, as ``sha256sum --check`` reads it."""
    files = sorted(path for path in folder.iterdir() if path.name != SUMS)
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)


def main(build: Path, folder: Path) -> None:
    """Write every file into *folder*, which is emptied before."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    code = f"workmail-resource-{__version__}.zip"
    archive(build / "ProviderFunction", folder / code)
    template = (ROOT / "template.yaml").read_text(encoding="utf-8")
    (folder / "template.yaml").write_text(packaged(template, code, __version__), encoding="utf-8")
    for name in METADATA_FILES:
        shutil.copy(ROOT / name, folder)
    wheel = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*wheel, "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT)], check=True)  # noqa: S603 - pip, with our own arguments
    (folder / SUMS).write_text(checksums(folder), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
