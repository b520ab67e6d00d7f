"""Documents of ours that were read back and released. Once released, a reprint gives the same bytes."""

from __future__ import annotations

from hashlib import blake2b

from sqlalchemy import Connection

from magento_oms.storage.database import text


def release(connection: Connection, kind: str, subject: str, content: bytes) -> None:
    """Keep a document that was read back; one that is there already stays."""
    connection.execute(
        text(
            "insert into paper (kind, subject, digest, content) values (:kind, :subject, :digest, :content)"
            " on conflict (kind, subject) do nothing"
        ),
        {
            "kind": kind,
            "subject": subject,
            "digest": blake2b(content, digest_size=16).digest(),
            "content": content,
        },
    )


def get(connection: Connection, kind: str, subject: str) -> bytes | None:
    """A released document; None: there is none."""
    found = connection.execute(
        text("select content from paper where kind = :kind and subject = :subject"), {"kind": kind, "subject": subject}
    ).scalar()
    return bytes(found) if found is not None else None
