"""A registry with four tiny images, as much of one as an engine asks for."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import ClassVar

MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
CONFIG = "application/vnd.docker.container.image.v1+json"
LAYER = "application/vnd.docker.image.rootfs.diff.tar.gzip"


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _document(content: object) -> bytes:
    return json.dumps(content).encode()


def _image(layer: bytes, name: str) -> tuple[bytes, bytes, bytes]:
    """Manifest, configuration and packed layer of an image."""
    packed = gzip.compress(layer, mtime=0)
    config = _document({
        "architecture": "amd64", "os": "linux", "config": {"Labels": {"name": name, "cdbctl.test": "1"}},
        "rootfs": {"type": "layers", "diff_ids": [digest_of(layer)]},
    })  # fmt: skip
    parts = [(CONFIG, config), (LAYER, packed)]
    described = [{"mediaType": kind, "size": len(part), "digest": digest_of(part)} for kind, part in parts]
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST, "config": described[0], "layers": described[1:]}
    return _document(manifest), config, packed


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    manifests: ClassVar[dict[str, bytes]] = {}
    blobs: ClassVar[dict[str, bytes]] = {}

    def do_GET(self) -> None:
        _, _, rest = self.path.partition("/v2/")
        name, kind, reference = "", "", rest
        for kind in ("manifests", "blobs"):
            name, found, reference = rest.partition(f"/{kind}/")
            if found:
                break
        manifest = self.manifests.get(f"{name}:{reference}") or self._by_digest(reference)
        if not rest:
            self._answer(200, b"{}", "application/json")
        elif kind == "manifests" and (
            manifest := self.manifests.get(f"{name}:{reference}") or self._by_digest(reference)
        ):
            self._answer(200, manifest, MANIFEST)
        elif kind == "blobs" and reference in self.blobs:
            self._answer(200, self.blobs[reference], "application/octet-stream")
        else:
            self._answer(404, b"{}", "application/json")

    do_HEAD = do_GET

    def _by_digest(self, reference: str) -> bytes | None:
        return next((one for one in self.manifests.values() if digest_of(one) == reference), None)

    def _answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Docker-Content-Digest", digest_of(body))
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keep quiet."""


@contextmanager
def registry(references: list[str], layer: bytes) -> Iterator[str]:
    """Serve images that all have one layer; yields ``127.0.0.1:PORT``, which engines trust without TLS."""

    class Handler(_Handler):
        manifests: ClassVar[dict[str, bytes]] = {}
        blobs: ClassVar[dict[str, bytes]] = {}

    for reference in references:
        manifest, config, packed = _image(layer, reference)
        Handler.manifests[reference if ":" in reference else f"{reference}:latest"] = manifest
        Handler.blobs |= {digest_of(config): config, digest_of(packed): packed}
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
