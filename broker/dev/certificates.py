"""Keys and certificates for a cluster on this machine: a CA made on the spot, nodes, and who may knock.

A name is the whole subject (`CN=NAME`), because the brokers take their principal from it. Keys lie in clear, in a
folder that only its owner may enter: they open a broker of tests, and nothing else.
"""

import re
import ssl
from dataclasses import dataclass
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from broker.clock import SystemClock
from broker.errors import NotRegistered
from broker.files import private_folder, read_whole, write_whole

ADMIN = "hub-admin"
"""The client that may do everything, as the nodes may."""

_CLIENT = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NODE = "broker-"
_LIFE = timedelta(days=365)
_SLACK = timedelta(minutes=5)  # a clock that is a little behind ours finds them valid too


@dataclass(frozen=True, slots=True)
class ClientFiles:
    """What one client needs, each a PEM file."""

    ca: Path
    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """TLS 1.3 as this client. The broker's certificate is checked against the CA and its address."""
        context = ssl.create_default_context(cafile=self.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(self.certificate, self.key)
        return context


def make_authority(folder: Path) -> None:
    """Make a CA in *folder*, if it is not there yet."""
    private_folder(folder)
    if (folder / "ca.pem").exists():
        return
    key = ec.generate_private_key(ec.SECP256R1())
    name = _subject("tellwise-dev-ca")
    certificate = (
        _begun(name, key.public_key(), issuer=name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    write_whole(folder / "ca.key", _key_pem(key))
    write_whole(folder / "ca.pem", certificate.public_bytes(serialization.Encoding.PEM))


def node_name(node: int) -> str:
    """The principal of a node."""
    return f"{_NODE}{node}"


def node_pem(folder: Path, node: int) -> Path:
    """A node's key and certificate in one file, as Kafka reads them; made if it is not there yet."""
    path = folder / f"{node_name(node)}.pem"
    if not path.exists():
        key, certificate = _issued(folder, node_name(node), address="127.0.0.1")
        write_whole(path, key + certificate)
    return path


def client_files(folder: Path, name: str) -> ClientFiles:
    """A client's files; made if they are not there yet.

    Args:
        folder: The one that `make_authority` made.
        name: The client's principal: `ADMIN`, or a mailbox.

    Raises:
        NotRegistered: no client can be called so.
    """
    # A file system may take `Hub-Admin` for `hub-admin`, and hand out the keys of one who may do everything.
    taken = name != ADMIN and name.lower().startswith((_NODE, ADMIN))
    if taken or not _CLIENT.fullmatch(name):
        raise NotRegistered(f"no client can be called `{name[:64]}`")
    files = ClientFiles(folder / "ca.pem", folder / f"client-{name}.pem", folder / f"client-{name}.key")
    if not files.certificate.exists():
        key, certificate = _issued(folder, name)
        write_whole(files.key, key)
        write_whole(files.certificate, certificate)  # last: where it is, the key is
    return files


def _issued(folder: Path, name: str, *, address: str | None = None) -> tuple[bytes, bytes]:
    """A new key (PKCS#8) and its certificate."""
    authority = x509.load_pem_x509_certificate(read_whole(folder / "ca.pem") or b"")
    signer = serialization.load_pem_private_key(read_whole(folder / "ca.key") or b"", None)
    if not isinstance(signer, ec.EllipticCurvePrivateKey):
        raise NotRegistered(f"`{folder}` holds no key of ours to sign certificates with")
    key = ec.generate_private_key(ec.SECP256R1())
    uses = [ExtendedKeyUsageOID.CLIENT_AUTH] + ([ExtendedKeyUsageOID.SERVER_AUTH] if address else [])
    begun = (
        _begun(_subject(name), key.public_key(), issuer=authority.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if address:
        names = [x509.IPAddress(ip_address(address)), x509.DNSName("localhost")]
        begun = begun.add_extension(x509.SubjectAlternativeName(names), critical=False)
    certificate = begun.sign(signer, hashes.SHA256())
    return _key_pem(key), certificate.public_bytes(serialization.Encoding.PEM)


def _begun(subject: x509.Name, key: ec.EllipticCurvePublicKey, *, issuer: x509.Name) -> x509.CertificateBuilder:
    now = SystemClock().now()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SLACK)
        .not_valid_after(now + _LIFE)
    )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
