"""HTTPS as a hospital needs it: its proxies, its certificates, and never a step down to plain HTTP."""

from __future__ import annotations

import importlib.util
import os
import ssl
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPResponse
from typing import IO, Any
from urllib.parse import urlsplit

from ... import __version__
from ...base.errors import ModelError
from ...base.hints import Hint, HintCode

CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""Where IT departments name the certificates of their proxies; OpenSSL itself honours only the first."""
IMPORT_FILE = Hint(HintCode.IMPORT_FILE)
RETRIED_STATUS = {408, 416, 425, 429, 500, 502, 503, 504}


class Interrupted(Exception):
    """The connection failed in a way that another attempt may cure; ``status`` is the server's answer, if any."""

    def __init__(self, reason: str, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


def failed(url: str, reason: str, hint: Hint | str = IMPORT_FILE) -> ModelError:
    """Return the error for a download that did not work out; it shows the address for the people of IT."""
    return ModelError(f"Downloading {url} failed: {reason}.", hint)


def check_address(url: str) -> None:
    """Refuse every address that is not HTTPS, and what is no address at all."""
    try:
        parts = urlsplit(url)
        scheme, host, _ = parts.scheme, parts.hostname, parts.port
        host = (host or "").encode("idna").decode("ascii")
        url.encode("ascii")
    except ValueError as error:  # of brackets, ports, names and letters that no address has
        raise failed(url, "this is no address", "Correct it in the catalogue.") from error
    if scheme != "https" or not host:
        raise failed(url, "the address is not https, so what it sends could be exchanged on the way")
    if not url.isprintable() or " " in url:
        raise failed(url, "this is no address", "Correct it in the catalogue.")


class Opener:
    """Opens HTTPS addresses, and no others.

    Parameters
    ----------
    most_redirects : int
        How often the server may send us elsewhere.
    timeout_s : float
        How long the server may be silent.
    """

    def __init__(self, most_redirects: int, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._director = urllib.request.OpenerDirector()  # build_opener would add file:, ftp: and data:
        handlers = [
            urllib.request.ProxyHandler(),
            urllib.request.HTTPDefaultErrorHandler(),
            urllib.request.HTTPErrorProcessor(),
            urllib.request.HTTPSHandler(context=trusted_certificates()),
            _redirects(most_redirects),
        ]
        for handler in handlers:
            self._director.add_handler(handler)
        self._director.addheaders = []

    def open(self, url: str, headers: dict[str, str]) -> HTTPResponse:
        """Return the server's answer, its status 200 or 206.

        Raises
        ------
        ModelError
            The server refuses, or must not be trusted.
        Interrupted
            Another attempt may go better.
        """
        check_address(url)
        request = urllib.request.Request(url, headers={"User-Agent": f"TotalPassport/{__version__}", **headers})
        try:
            response = self._director.open(request, timeout=self._timeout_s)
        except urllib.error.HTTPError as error:
            error.close()
            raise _status_error(url, error.code, error.reason) from error
        except urllib.error.URLError as error:
            raise _connection_error(url, error.reason) from error
        except (OSError, HTTPException) as error:
            raise _connection_error(url, error) from error
        if not isinstance(response, HTTPResponse) or response.status not in (200, 206):
            raise failed(url, "the server's answer is not the file")
        return response


def _redirects(most: int) -> urllib.request.HTTPRedirectHandler:
    class Redirects(urllib.request.HTTPRedirectHandler):
        max_redirections = most

        def redirect_request(
            self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Any, newurl: str
        ) -> urllib.request.Request | None:
            check_address(newurl)
            return super().redirect_request(req, fp, code, msg, headers, newurl)

    return Redirects()


def trusted_certificates() -> ssl.SSLContext:
    """Return a context that trusts the system's certificates and those that the environment names.

    Raises
    ------
    ModelError
        A named file is not there or holds no certificates.
    """
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if os.name == "posix" and not (paths.cafile or paths.capath):
        _add_certifi(context)
    for variable in CERTIFICATE_VARIABLES:
        path = os.environ.get(variable)
        if not path:
            continue
        try:
            context.load_verify_locations(**{"capath" if os.path.isdir(path) else "cafile": path})
        except OSError as error:
            raise ModelError(
                f"The certificates '{path}' that {variable} names cannot be read: {error.strerror or error}.",
                f"Correct or unset {variable}.",
            ) from error
    return context


def _add_certifi(context: ssl.SSLContext) -> None:
    """Trust what certifi brings, where this Python found no certificates of the system (such as python.org's, Mac)."""
    if importlib.util.find_spec("certifi") is not None:
        context.load_verify_locations(importlib.import_module("certifi").where())


def _status_error(url: str, status: int, reason: object) -> Exception:
    words = " ".join(f"the server answered {status} {reason}".split())[:200]
    if status in RETRIED_STATUS:
        return Interrupted(words, status)
    if status == 407:
        return failed(
            url, "the proxy wants a name and a password", "Set HTTPS_PROXY to http://NAME:PASSWORD@HOST:PORT."
        )
    if 300 <= status < 400:
        return failed(url, "the server redirected it too often, or to an address that is not allowed")
    return failed(url, words)


def _connection_error(url: str, reason: object) -> Exception:
    if isinstance(reason, ssl.SSLCertVerificationError):
        return failed(
            url,
            f"the server's certificate is not trusted ({reason.verify_message})",
            Hint(HintCode.TRUST_CERTIFICATES),
        )
    if isinstance(reason, ModelError):
        return reason
    words = reason.strerror if isinstance(reason, OSError) and reason.strerror else str(reason)
    return Interrupted(" ".join(words.split())[:200] or type(reason).__name__)
