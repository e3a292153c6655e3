"""A certificate authority of the sandbox's own, so that functions answer over real HTTPS."""

import contextlib
import os
import ssl
from pathlib import Path

_NAMES = ("localhost", "127.0.0.1")


class LocalCertificates:
    """A local CA and one server certificate, made once and kept in a folder.

    Parameters
    ----------
    folder:
        Where the files are kept; made when missing.
    """

    def __init__(self, folder: Path) -> None:
        self.bundle = folder / "ca.pem"
        self._server = folder / "server.pem"
        if not (self.bundle.exists() and self._server.exists()):
            folder.mkdir(parents=True, exist_ok=True)
            _make(self.bundle, self._server)

    def server_context(self) -> ssl.SSLContext:
        """Make the context of an HTTPS server for localhost."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self._server)
        return context

    def client_variables(self) -> dict[str, str]:
        """Environment variables that let a Python process trust the server, and nobody else."""
        return {"SSL_CERT_FILE": str(self.bundle)}


def _make(bundle: Path, server: Path) -> None:
    import trustme  # noqa: PLC0415 - needed once; its import takes a tenth of a second

    authority = trustme.CA(organization_name="WorkMail resource sandbox")
    certificate = authority.issue_cert(*_NAMES)
    _write(server, certificate.private_key_and_cert_chain_pem.bytes())
    _write(bundle, authority.cert_pem.bytes())  # last: it says that the pair is complete


def _write(path: Path, content: bytes) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    temporary = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        temporary.replace(path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            temporary.unlink()
