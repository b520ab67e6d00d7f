"""Certificates are always verified: by the usual authorities, or by a file that the connection names."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pytest_httpserver import HTTPServer

from magento_hook.store import MagentoStore
from magento_oms.ports import ConfigurationError

ORDER = b'{"entity_id": 7, "updated_at": "2026-11-23 13:00:00"}'


def certificate(folder: Path, address: str) -> Path:
    """A self-signed certificate with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "shop")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{address}.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + built.public_bytes(serialization.Encoding.PEM)
    )
    return path


def serving(path: Path) -> HTTPServer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    server = HTTPServer(host="127.0.0.1", ssl_context=context, threaded=True)
    server.expect_request("/rest/V1/orders/7").respond_with_data(ORDER, content_type="application/json")
    return server


@pytest.fixture
def trusted(tmp_path: Path) -> Iterator[tuple[HTTPServer, Path]]:
    path = certificate(tmp_path, "127.0.0.1")
    with serving(path) as server:
        yield server, path


def test_an_unknown_authority_is_refused_unless_its_file_is_named(
    trusted: tuple[HTTPServer, Path], open_store: Callable[..., MagentoStore]
) -> None:
    server, path = trusted
    url = server.url_for("").rstrip("/")
    with pytest.raises(ConfigurationError, match=r"is not trusted \(self-signed certificate\)") as caught:
        open_store(base_url=url).order(7)
    assert "ca_bundle" in caught.value.way_out
    assert open_store(base_url=url, ca_bundle=str(path)).order(7)["entity_id"] == 7
    assert len(server.log) == 1


def test_a_certificate_of_another_host_is_refused(tmp_path: Path, open_store: Callable[..., MagentoStore]) -> None:
    path = certificate(tmp_path, "192.0.2.1")
    with serving(path) as server, pytest.raises(ConfigurationError, match="is not trusted") as caught:
        open_store(base_url=server.url_for("").rstrip("/"), ca_bundle=str(path)).order(7)
    assert "127.0.0.1" in str(caught.value)
