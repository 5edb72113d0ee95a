"""Whether the hub's address is free, or is taken by a hub that answers."""

import contextlib
import socket
import ssl
from ipaddress import ip_address
from pathlib import Path

import httpx2
from cryptography import x509

from broker.errors import CannotListen
from broker.health.findings import Finding, ok, problem
from broker.settings import Http

_ASK_S = 5.0


def address(settings: Http, certificate: Path | None) -> list[Finding]:
    """Whether a hub can listen where the settings say, or does already.

    Args:
        settings: Where.
        certificate: PEM; None where there is none. Whoever listens with its key is us.
    """
    where = f"{settings.host} port {settings.port}"
    try:
        _take_and_let_go(settings)
    except OSError as error:
        if settings.port and _is_a_hub(settings, certificate):
            return [ok(f"{where}: a hub is at work there")]
        return [problem(f"cannot listen on {where}: {error.strerror}", CannotListen.next_step)]
    return [ok(f"{where} is free" if settings.port else f"{settings.host}: any port that is free")]


def _take_and_let_go(settings: Http) -> None:
    """Take the address as the hub does, and hear nothing there."""
    family, *_, place = socket.getaddrinfo(settings.host, settings.port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family) as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(place)


def _is_a_hub(settings: Http, certificate: Path | None) -> bool:
    host = _near(settings.host)
    if certificate is None:
        return _answers(host, settings.port)
    return _holds_key(host, settings.port, certificate)


def _answers(host: str, port: int) -> bool:
    url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
    try:
        with (
            httpx2.Client(base_url=url, timeout=_ASK_S, follow_redirects=False, trust_env=False) as client,
            client.stream("GET", "/health") as answer,
        ):
            first = next(answer.iter_bytes(64), b"")
            return answer.status_code == 200 and first == b'{"status":"alive"}'
    except (httpx2.HTTPError, httpx2.InvalidURL):
        return False


def _holds_key(host: str, port: int, certificate: Path) -> bool:
    """Whether whoever listens proves by a handshake that it has the key of our certificate."""
    try:
        name = _a_name_of(x509.load_pem_x509_certificates(certificate.read_bytes())[0])
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # it checks the name and the certificate
        context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # ours itself is what vouches
        context.load_verify_locations(cafile=str(certificate))
        with (
            socket.create_connection((host, port), timeout=_ASK_S) as connection,
            contextlib.closing(context.wrap_socket(connection, server_hostname=name)),
        ):
            return True
    except (OSError, ValueError, x509.ExtensionNotFound):  # ssl.SSLError is an OSError
        return False


def _a_name_of(leaf: x509.Certificate) -> str:
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    for name in names.get_values_for_type(x509.DNSName):
        return name.replace("*", "any")
    for number in names.get_values_for_type(x509.IPAddress):
        return str(number)
    raise ValueError("no name")


def _near(host: str) -> str:
    """Where this machine reaches what listens on *host*: on every address means on its own too."""
    try:
        number = ip_address(host)
    except ValueError:
        return host
    if not number.is_unspecified:
        return host
    return "127.0.0.1" if number.version == 4 else "::1"
