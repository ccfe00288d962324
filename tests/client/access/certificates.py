"""Certificate authorities and servers that trustme can't make."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from socket import SHUT_WR, create_server
from threading import Thread

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.client.raw_server import http


def home_made(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Return the file of an authority like many companies', and a server's context for 127.0.0.1.

    Its basic constraints aren't critical, and no certificate has a key identifier.
    """
    keys = [ec.generate_private_key(ec.SECP256R1()) for _ in range(2)]
    issuer = _named("Home CA")
    authority = _dated(issuer, issuer, keys[0]).add_extension(
        x509.BasicConstraints(ca=True, path_length=None), critical=False
    )
    names = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    leaf = _dated(_named("leaf"), issuer, keys[1]).add_extension(names, critical=False)
    key = keys[1].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (folder / "home.pem").write_bytes(authority.sign(keys[0], SHA256()).public_bytes(Encoding.PEM))
    (folder / "leaf.pem").write_bytes(key + leaf.sign(keys[0], SHA256()).public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem")
    return folder / "home.pem", context


@contextmanager
def served_once(context: ssl.SSLContext) -> Iterator[str]:
    """Answer one request with 200, in a thread; yields the address.

    Unlike a server of asyncio, it sends the alert that says why a handshake failed.
    """
    with create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            plain, _ = listener.accept()
            with plain.dup() as rest:
                with suppress(OSError), context.wrap_socket(plain, server_side=True) as connection:
                    connection.recv(9999)
                    connection.sendall(http(200, b"{}"))
                # If it closed with something unread, the client might lose the alert.
                rest.shutdown(SHUT_WR)
                while rest.recv(9999):
                    pass

        thread = Thread(target=serve)
        thread.start()
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
        thread.join()


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _dated(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    today = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
    )
