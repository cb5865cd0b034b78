"""An engine behind TLS: both sides show their certificates, and a stranger is not believed."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from cdbctl.collect.attempt import NoAnswer
from cdbctl.collect.docker.engine import Engine
from cdbctl.collect.wire import Deadline
from tests.collect.docker.worlds import docker_source, read_head, says


def openssl(*arguments: str, folder: Path) -> None:
    program = shutil.which("openssl")
    assert program, "openssl is not installed"
    subprocess.run([program, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ca.pem, cert.pem and key.pem as docker has them; the certificate is for 127.0.0.1."""
    folder = tmp_path_factory.mktemp("tls")
    openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "cert.pem", "-days", "2"),
        *("-subj", "/CN=engine", "-addext", "subjectAltName=IP:127.0.0.1"),
        folder=folder,
    )
    shutil.copy(folder / "cert.pem", folder / "ca.pem")
    return folder


@contextmanager
def tls_engine(certificates: Path) -> Iterator[str]:
    """An engine that wants to see a certificate of its own authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=certificates / "ca.pem")
    context.load_cert_chain(certificates / "cert.pem", certificates / "key.pem")
    context.verify_mode = ssl.CERT_REQUIRED

    def serve(server: socket.socket) -> None:
        with suppress(OSError):
            while True:
                plain, _ = server.accept()
                with suppress(OSError), plain, context.wrap_socket(plain, server_side=True) as sock:
                    if head := read_head(sock):
                        says(b"[1]")(sock, head)

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        try:
            yield f"tcp://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)


def ask(address: str, tls: str | None = None, **environment: str) -> object:
    engine = Engine(docker_source(address, tls=tls), root=Path.cwd(), environment=environment)
    try:
        return engine.get("/x", {}, Deadline(5))
    finally:
        engine.close()


def test_with_the_right_folder_it_answers(certificates: Path) -> None:
    with tls_engine(certificates) as address:
        assert ask(address, str(certificates)) == [1]
        assert ask(address, DOCKER_TLS_VERIFY="1", DOCKER_CERT_PATH=str(certificates)) == [1]


def test_a_certificate_of_somebody_else_is_not_believed(certificates: Path, tmp_path: Path) -> None:
    openssl(
        *("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key.pem", "-out", "ca.pem", "-days", "2"),
        *("-subj", "/CN=other"),
        folder=tmp_path,
    )
    (tmp_path / "key.pem").unlink()
    with tls_engine(certificates) as address, pytest.raises(NoAnswer, match="self-signed certificate") as no:
        ask(address, str(tmp_path))
    assert no.value.remedy == "look at runtime.docker.tls, DOCKER_CERT_PATH or the context"


def test_damaged_files_are_named(certificates: Path, tmp_path: Path) -> None:
    for name in ("ca", "cert", "key"):
        (tmp_path / f"{name}.pem").write_text("nonsense", encoding="utf-8")
    with tls_engine(certificates) as address, pytest.raises(NoAnswer, match=r"ca\.pem .* cannot be used"):
        ask(address, str(tmp_path))
