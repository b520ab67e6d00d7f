"""Bearer tokens shared by all processes: stored encrypted, one login at a time, and a cool-down after a refusal.

The cool-down is what keeps a wrong password from locking the account: Magento locks a user name after six failed
logins, each counted for 30 minutes. With the pauses below a refused login is tried five times on the first day and once
a day after that, whatever the number of processes; a login that succeeds, or other credentials, start anew.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from psycopg.errors import LockNotAvailable
from psycopg.rows import DictRow
from sqlalchemy.exc import OperationalError

from magento_oms.ports import AuthenticationError, ConfigurationError, RetryableError, Token
from magento_oms.settings import settings
from magento_oms.storage.database import own_connection, text
from magento_oms.storage.link import Link, link

log = logging.getLogger(__name__)

PAUSES = (60.0, 300.0, 1_800.0, 14_400.0, 86_400.0)
"""Seconds without a login after the first, second, … refusal in a row; the last one repeats."""

_READ = """
select ciphertext, expires_at, refusal, refused_until,
       coalesce(expires_at > now(), true) as alive, coalesce(refused_until > now(), false) as cooling
from stored_token where scope = %(key)s
"""
_STORE = """
insert into stored_token (scope, ciphertext, expires_at) values (%(key)s, %(ciphertext)s, %(expires_at)s)
on conflict (scope) do update
set ciphertext = excluded.ciphertext, expires_at = excluded.expires_at, refused_until = null, refusal = null,
    changed_at = now()
"""
# `changed_at` is the moment of the refusal, so the pause that it brought can be read off the row; the next one is the
# next longer. A second refusal while the pause still runs (a lost answer, sent again) does not lengthen it.
_REFUSE = """
insert into stored_token as t (scope, refused_until, refusal, changed_at)
values (%(key)s, now() + make_interval(secs => (%(pauses)s::float8[])[1]), %(reason)s, now())
on conflict (scope) do update
set ciphertext = null, expires_at = null, refusal = excluded.refusal, changed_at = excluded.changed_at,
    refused_until = now() + make_interval(secs => coalesce(
        (select min(pause) from unnest(%(pauses)s::float8[]) as pause
         where pause > coalesce(extract(epoch from t.refused_until - t.changed_at)::float8, 0)),
        (select max(pause) from unnest(%(pauses)s::float8[]) as pause)))
where t.refused_until is null or t.refused_until <= now()
"""
_FORGET = """
update stored_token set ciphertext = null, expires_at = null, changed_at = now()
where scope = %(key)s and ciphertext = %(ciphertext)s
"""


def keys() -> list[str]:
    """The keys that tokens are encrypted with, the newest first: our own, or Airflow's. A comma separates them.

    Raises:
        ConfigurationError: there is none.
    """
    found = settings().fernet_key.get_secret_value() or os.environ.get("AIRFLOW__CORE__FERNET_KEY", "")
    if not found.strip():
        raise ConfigurationError(
            "Tokens cannot be stored: there is no key to encrypt them with.",
            way_out="Set MAGENTO_OMS_FERNET_KEY or AIRFLOW__CORE__FERNET_KEY, the same for every process.",
        )
    return [key.strip() for key in found.split(",")]


def fernet() -> MultiFernet:
    """The cipher for stored tokens; it writes with the newest key and reads with all.

    Raises:
        ConfigurationError: there is no key, or it is not one.
    """
    try:
        return MultiFernet([Fernet(key) for key in keys()])
    except ValueError:
        raise ConfigurationError(
            "Tokens cannot be stored: the key to encrypt them with is not a Fernet key.",
            way_out="Set MAGENTO_OMS_FERNET_KEY (or AIRFLOW__CORE__FERNET_KEY) to 32 random bytes in URL-safe base64.",
        ) from None


class SharedLoginTurn:
    """Implements `ports.LoginTurn`."""

    def __init__(self, store: SharedTokenStore, scope: str, token: Token | None) -> None:
        self._store = store
        self._scope = scope
        self._token = token

    @property
    def token(self) -> Token | None:
        """A token that somebody else stored while we waited: use it instead of logging in."""
        return self._token

    def succeeded(self, token: Token) -> None:
        """Store the new token for everyone; refusals before it are forgiven."""
        self._store._keep(self._scope, token)

    def refused(self, reason: str) -> None:
        """Nobody logs in with these credentials until the pause is over. `reason` is shown to people: no secrets."""
        self._store._refuse(self._scope, reason)


class SharedTokenStore:
    """Implements `ports.TokenStore`.

    Args:
        url: the OMS database.
        credentials: user name and password (or whatever is logged in with). Tokens and cool-downs belong to them: other
            credentials start anew. Only a keyed digest is stored.
        wait: seconds to wait for another one's login, at most.

    Raises:
        ConfigurationError: no key to encrypt with.
    """

    def __init__(self, url: str, credentials: Sequence[str] = (), *, wait: float = 60.0) -> None:
        self._url = url
        self._link: Link = link(url)
        self._cipher = fernet()
        self._wait = wait
        self._suffix = _digest(credentials) if credentials else ""

    def get(self, scope: str) -> Token | None:
        """The stored token that has not expired, or None."""
        row = self._row(scope)
        return None if row is None else self._token(scope, row)

    @contextmanager
    def login(self, scope: str) -> Iterator[SharedLoginTurn]:
        """The one login turn of `scope`. Look at its `token` first; if None, log in and say how it went.

        Ends with the block; a killed holder's turn ends at once, with its connection. Leaving the block without having
        said how it went (the store could not be reached) lets the next one try.

        Raises:
            AuthenticationError: a cool-down is running.
            RetryableError: somebody else's login took longer than `wait` seconds.
        """
        self._check_cool_down(scope)
        with own_connection(self._url) as turn:
            turn.execution_options(isolation_level="AUTOCOMMIT")
            turn.execute(text("select set_config('lock_timeout', :limit, false)"), {"limit": f"{self._wait:.3f}s"})
            try:
                turn.execute(
                    text("select pg_advisory_lock(hashtextextended(:key, 0))"), {"key": f"login {self._key(scope)}"}
                )
            except OperationalError as error:
                if not isinstance(error.orig, LockNotAvailable):
                    raise
                raise RetryableError(
                    f"{scope}: another process has been logging in for over {self._wait:.0f} s; nothing was sent."
                ) from None
            row = self._check_cool_down(scope)
            yield SharedLoginTurn(self, scope, None if row is None else self._token(scope, row))

    def forget(self, scope: str, token: Token) -> None:
        """Drop `token` (the store refused it), unless it has been replaced meanwhile."""
        row = self._row(scope)
        stored = None if row is None else self._token(scope, row)
        if row is not None and stored is not None and hmac.compare_digest(stored.value.encode(), token.value.encode()):
            self._link.rows(_FORGET, key=self._key(scope), ciphertext=row["ciphertext"])

    def close(self) -> None:
        """Close the connection; it is opened again when needed."""
        self._link.close()

    def _keep(self, scope: str, token: Token) -> None:
        ciphertext = self._cipher.encrypt(token.value.encode())
        self._link.rows(_STORE, key=self._key(scope), ciphertext=ciphertext, expires_at=token.expires_at)

    def _refuse(self, scope: str, reason: str) -> None:
        self._link.rows(_REFUSE, key=self._key(scope), reason=reason, pauses=list(PAUSES))

    def _check_cool_down(self, scope: str) -> DictRow | None:
        row = self._row(scope)
        if row is not None and row["cooling"]:
            until = f"{row['refused_until'].astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
            raise AuthenticationError(
                f"{scope}: the last login was refused ({row['refusal']});"
                f" none is tried before {until}, so that the account is not locked.",
                way_out="Correct the user name or the password in the connection: changed ones are tried at once.",
            )
        return row

    def _row(self, scope: str) -> DictRow | None:
        rows = self._link.rows(_READ, key=self._key(scope))
        return rows[0] if rows else None

    def _token(self, scope: str, row: DictRow) -> Token | None:
        if row["ciphertext"] is None or not row["alive"]:
            return None
        try:
            value = self._cipher.decrypt(row["ciphertext"]).decode()
        except InvalidToken:
            log.warning("%s: the stored token was encrypted with another key; logging in anew.", scope)
            return None
        return Token(value=value, expires_at=row["expires_at"])

    def _key(self, scope: str) -> str:
        return f"{scope}#{self._suffix}" if self._suffix else scope


def _digest(credentials: Sequence[str]) -> str:
    """A digest of the credentials that cannot be searched for a weak password without the key."""
    message = b"".join(len(part.encode()).to_bytes(4, "big") + part.encode() for part in credentials)
    return hmac.new(keys()[0].encode(), message, hashlib.sha256).hexdigest()[:16]
