"""A web server on this machine that serves files over HTTPS and fails on order."""

from __future__ import annotations

import re
import shutil
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest


@dataclass
class Served:
    """A file on the server; another content has another ETag."""

    content: bytes
    etag: str | None = '"one"'
    kind: str = "application/zip"


Fault = Callable[["Handler", Served], None]
"""Answers one request in place of the server."""


@dataclass
class Site:
    """What the server has, what goes wrong next, and what it was asked."""

    address: str = ""
    certificate: Path = Path()
    files: dict[str, Served] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)
    """Each answers one request, in this order; after them all goes well."""
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    bytes_sent: int = 0

    def put(self, name: str, content: bytes, **options: Any) -> str:
        """Serve a file and return its address."""
        self.files[f"/{name}"] = Served(content, **options)
        return f"{self.address}/{name}"


class Handler(BaseHTTPRequestHandler):
    """Knows Range and If-Range, as object stores do."""

    protocol_version = "HTTP/1.1"
    site: Site
    gone = False
    """Whether the client has hung up."""

    def do_GET(self) -> None:
        self.close_connection = True
        site = self.site
        site.requests.append((self.path, dict(self.headers)))
        served = site.files.get(self.path)
        if site.faults:
            site.faults.pop(0)(self, served or Served(b""))
        elif served is None:
            self.send_error(404)
        else:
            self.send_file(served)

    def send_file(self, served: Served, cut: int | None = None, declared: int | None = None) -> None:
        """Send a file or the rest of it; at most ``cut`` bytes, though ``declared`` are announced."""
        self.send(self.send_head(served, declared)[:cut])

    def send_head(self, served: Served, declared: int | None = None) -> bytes:
        """Send all that comes before the content, and return the content that was asked for."""
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        condition = self.headers.get("If-Range")
        first = int(wanted[1]) if wanted and condition in (None, served.etag) else 0
        body = served.content[first:]
        self.send_response(206 if first else 200)
        if first:
            size = len(served.content)
            self.send_header("Content-Range", f"bytes {first}-{size - 1}/{size}")
        self.send_header("Content-Length", str(len(body) if declared is None else declared))
        self.send_kind(served)
        return body

    def send_kind(self, served: Served) -> None:
        if served.etag is not None:
            self.send_header("ETag", served.etag)
        self.send_header("Content-Type", served.kind)
        self.end_headers()

    def send(self, body: bytes) -> None:
        try:
            self.wfile.write(body)
            self.wfile.flush()
            self.site.bytes_sent += len(body)
        except OSError:
            self.gone = True  # the client has seen enough

    def log_message(self, *arguments: object) -> None:
        pass


def cut_after(count: int) -> Fault:
    """Announce the whole file, send some bytes of what was asked for, and hang up."""
    return lambda handler, served: handler.send_file(served, cut=count)


def trickle(after: int, until: threading.Event | None = None) -> Fault:
    """Send ``after`` bytes at once, then a few now and then: for as long as the client stays, or until an event."""

    enough = until or threading.Event()

    def answer(handler: Handler, served: Served) -> None:
        body = handler.send_head(served)
        handler.send(body[:after])
        body = body[after:]
        while body and not handler.gone and not enough.wait(0.02):
            handler.send(body[:1])
            body = body[1:]
        handler.send(body)

    return answer


def status(code: int) -> Fault:
    """Answer with an error."""
    return lambda handler, served: handler.send_error(code)


def redirect_to(address: str) -> Fault:
    """Send the client elsewhere."""

    def answer(handler: Handler, served: Served) -> None:
        handler.send_response(302)
        handler.send_header("Location", address)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    return answer


def endless(handler: Handler, served: Served) -> None:
    """Announce no length and never stop."""
    handler.send_response(200)
    handler.send_kind(served)
    try:
        while True:
            handler.wfile.write(b"x" * 65536)
    except OSError:
        pass


def hang_up(handler: Handler, served: Served) -> None:
    """Say nothing at all."""
    handler.connection.close()


def lying_range(handler: Handler, served: Served) -> None:
    """Continue at another place than asked for."""
    handler.send_response(206)
    handler.send_header("Content-Range", f"bytes 1-{len(served.content) - 1}/{len(served.content)}")
    handler.send_header("Content-Length", str(len(served.content) - 1))
    handler.send_kind(served)
    handler.send(served.content[1:])


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    tls: ssl.SSLContext

    def finish_request(self, request: Any, client_address: Any) -> None:
        # The handshake belongs into the request's thread: in the listener's, one client could stop all others.
        try:
            with self.tls.wrap_socket(request, server_side=True) as secure:
                super().finish_request(secure, client_address)
        except OSError:
            pass  # a client that does not trust us, or has gone

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass


def trust(monkeypatch: pytest.MonkeyPatch, site: Site) -> Site:
    """Trust the server's certificate, as IT departments make theirs trusted, and go to it without a proxy."""
    for variable in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", str(site.certificate))
    return site


@contextmanager
def serve(folder: Path) -> Iterator[Site]:
    """Run a server with a certificate of its own, written into ``folder``."""
    certificate, key = make_certificate(folder)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    site = Site(certificate=certificate)
    server = _Server(("127.0.0.1", 0), type("SiteHandler", (Handler,), {"site": site}))
    server.tls = tls
    site.address = f"https://localhost:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


def make_certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for localhost that only those trust who are told to."""
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    if shutil.which("openssl") is None:
        pytest.skip("optional: the command openssl, which makes the test server's certificate, is not there")
    if not certificate.exists():
        names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
        files = ["-keyout", key, "-out", certificate]
        subprocess.run([*command, "-addext", names, *files], check=True, capture_output=True)
    return certificate, key
