"""Shared tokens: encrypted, one login at a time over threads and processes, and an account that is never locked."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import Connection, text

from magento_oms import ports
from magento_oms.ports import AuthenticationError, ConfigurationError, RetryableError, Token
from magento_oms.settings import settings
from magento_oms.storage.database import engine
from magento_oms.storage.link import Link
from magento_oms.storage.tokens import SharedTokenStore

if TYPE_CHECKING:
    from tests.storage_shared.conftest import AtOnce, Elapse, StartChild, Tell

SCOPE = "magento:heritage"
CREDENTIALS = ("integration.user", "correct horse battery")
TOKEN = Token("eyJraWQiOiIxIiwiYWxnIjoiSFMyNTYifQ.secret")

pytestmark = pytest.mark.usefixtures("key")


def log_in(store: ports.TokenStore, token: Token = TOKEN) -> None:
    with store.login(SCOPE) as turn:
        turn.succeeded(token)


def refuse(store: ports.TokenStore) -> bool:
    """Try to log in with a wrong password; whether the store was asked at all."""
    try:
        with store.login(SCOPE) as turn:
            turn.refused("The account sign-in was incorrect")
    except AuthenticationError:
        return False
    return True


def test_a_token_is_for_everyone_who_has_the_credentials(oms_database: str) -> None:
    log_in(SharedTokenStore(oms_database, CREDENTIALS))
    assert SharedTokenStore(oms_database, CREDENTIALS).get(SCOPE) == TOKEN
    assert SharedTokenStore(oms_database, CREDENTIALS).get("magento:urban") is None
    assert SharedTokenStore(oms_database, ("integration.user", "another")).get(SCOPE) is None


def test_the_database_holds_neither_token_nor_credentials(oms_database: str, connection: Connection) -> None:
    log_in(SharedTokenStore(oms_database, CREDENTIALS))
    row = repr(connection.execute(text("select *, encode(ciphertext, 'escape') from stored_token")).one())
    plain_digests = [
        hashlib.new(name, joined.encode(), usedforsecurity=False).hexdigest()[:16]
        for name in ("md5", "sha1", "sha256")
        for joined in (CREDENTIALS[1], "".join(CREDENTIALS), ":".join(CREDENTIALS))
    ]
    for secret in (TOKEN.value, "eyJraWQ", *CREDENTIALS, *plain_digests):
        assert secret not in row
    assert TOKEN.value not in repr(TOKEN)


def test_an_expired_token_is_none(oms_database: str, elapse: Elapse) -> None:
    store = SharedTokenStore(oms_database, CREDENTIALS)
    expiring = Token(TOKEN.value, datetime.now(UTC).replace(microsecond=0) + timedelta(hours=4))
    log_in(store, expiring)
    assert store.get(SCOPE) == expiring
    elapse("stored_token", 4 * 3600 + 1)
    assert store.get(SCOPE) is None
    with store.login(SCOPE) as turn:
        assert turn.token is None


def test_forgetting_drops_that_token_only(oms_database: str) -> None:
    store = SharedTokenStore(oms_database, CREDENTIALS)
    store.forget(SCOPE, TOKEN)
    log_in(store)
    store.forget(SCOPE, Token("an older one"))
    assert store.get(SCOPE) == TOKEN
    store.forget(SCOPE, TOKEN)
    assert store.get(SCOPE) is None


def test_forgetting_does_not_drop_what_came_in_between(oms_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    store = SharedTokenStore(oms_database, CREDENTIALS)
    log_in(store)
    newer = Token("a newer one")
    real = Link.rows

    def rows(self: Link, statement: str, **values: Any) -> Any:
        if statement.lstrip().startswith("update stored_token"):
            monkeypatch.setattr(Link, "rows", real)
            with store.login(SCOPE) as turn:
                turn.succeeded(newer)
        return real(self, statement, **values)

    monkeypatch.setattr(Link, "rows", rows)
    store.forget(SCOPE, TOKEN)
    assert store.get(SCOPE) == newer


def test_eight_threads_log_in_once(oms_database: str, at_once: AtOnce) -> None:
    logins: list[int] = []

    def work(number: int) -> Token | None:
        store = SharedTokenStore(oms_database, CREDENTIALS)
        found = store.get(SCOPE)
        if found is not None:
            return found
        with store.login(SCOPE) as turn:
            if turn.token is None:
                logins.append(number)
                time.sleep(0.2)
                turn.succeeded(TOKEN)
                return TOKEN
            return turn.token

    assert at_once(8, work) == [TOKEN] * 8
    assert len(logins) == 1


def test_four_processes_log_in_once(oms_database: str, child: StartChild) -> None:
    def work(tell: Tell) -> None:
        with SharedTokenStore(oms_database, CREDENTIALS).login(SCOPE) as turn:
            if turn.token is None:
                time.sleep(0.3)
                turn.succeeded(TOKEN)
                tell("logged in")
            else:
                tell("found " + turn.token.value)

    words = sorted(each.hear() for each in [child(work) for _ in range(4)])
    assert words == [f"found {TOKEN.value}"] * 3 + ["logged in"]


def test_one_refusal_is_known_to_all_who_waited(oms_database: str, at_once: AtOnce) -> None:
    def work(number: int) -> bool:
        store = SharedTokenStore(oms_database, CREDENTIALS)
        try:
            with store.login(SCOPE) as turn:
                time.sleep(0.2)
                turn.refused("The account sign-in was incorrect")
        except AuthenticationError:
            return False
        return True

    assert sum(at_once(8, work)) == 1


def test_a_killed_holder_frees_the_turn_at_once(oms_database: str, child: StartChild) -> None:
    def die(tell: Tell) -> None:
        with SharedTokenStore(oms_database, CREDENTIALS).login(SCOPE):
            tell("mine")
            time.sleep(60)

    holder = child(die)
    assert holder.hear() == "mine"
    holder.kill()
    began = time.monotonic()
    log_in(SharedTokenStore(oms_database, CREDENTIALS))
    assert time.monotonic() - began < 5


def test_waiting_has_a_bound(oms_database: str) -> None:
    with (
        SharedTokenStore(oms_database, CREDENTIALS).login(SCOPE),
        pytest.raises(RetryableError, match="magento:heritage: another process has been logging in"),
        SharedTokenStore(oms_database, CREDENTIALS, wait=0.2).login(SCOPE),
    ):
        pytest.fail("two had the turn")


def test_other_scopes_do_not_wait(oms_database: str) -> None:
    with (
        SharedTokenStore(oms_database, CREDENTIALS).login(SCOPE),
        SharedTokenStore(oms_database, CREDENTIALS, wait=0.2).login("magento:urban") as turn,
    ):
        assert turn.token is None


def test_a_login_whose_turn_was_lost_is_still_stored(oms_database: str) -> None:
    store = SharedTokenStore(oms_database, CREDENTIALS)
    with store.login(SCOPE) as turn:
        with engine(oms_database).begin() as other:
            other.execute(
                text(
                    "select pg_terminate_backend(pid, 5000) from pg_stat_activity"
                    " where datname = current_database() and pid <> pg_backend_pid()"
                )
            )
        turn.succeeded(TOKEN)
    assert store.get(SCOPE) == TOKEN


def test_leaving_without_a_word_lets_the_next_one_try(oms_database: str) -> None:
    store = SharedTokenStore(oms_database, CREDENTIALS)
    with pytest.raises(TimeoutError), store.login(SCOPE):
        raise TimeoutError
    log_in(store)


def test_a_refusal_starts_a_cool_down_that_says_what_to_do(oms_database: str, elapse: Elapse) -> None:
    store = SharedTokenStore(oms_database, CREDENTIALS)
    assert refuse(store)
    with pytest.raises(AuthenticationError) as cooling, store.login(SCOPE):
        pytest.fail("logged in during the cool-down")
    words = str(cooling.value)
    assert words.startswith("magento:heritage: the last login was refused (The account sign-in was incorrect)")
    assert "UTC" in words
    assert "Correct the user name or the password in the connection" in words
    assert "correct horse" not in words
    elapse("stored_token", 60)
    log_in(store)


def test_a_refusal_drops_the_token(oms_database: str) -> None:
    store = SharedTokenStore(oms_database, CREDENTIALS)
    log_in(store)
    with store.login(SCOPE) as turn:
        turn.refused("The account sign-in was incorrect")
    assert store.get(SCOPE) is None


def test_the_account_is_never_locked(oms_database: str, elapse: Elapse) -> None:
    """Magento locks a user name at the sixth failure, each counted for 30 minutes (kept longer by the next one)."""
    store = SharedTokenStore(oms_database, CREDENTIALS)
    step, days = 10, 4  # minutes, days
    attempts = []
    for minute in range(0, days * 24 * 60, step):
        if refuse(store):
            attempts.append(minute)
        elapse("stored_token", step * 60)
    by_day = [sum(day * 1440 <= minute < (day + 1) * 1440 for minute in attempts) for day in range(days)]
    assert by_day[0] <= 5
    assert max(by_day[1:]) <= 1
    assert len(attempts) >= days, "but it never gives up for good"


def test_the_pauses_grow(oms_database: str, elapse: Elapse) -> None:
    store = SharedTokenStore(oms_database, CREDENTIALS)
    for minutes in (1, 5, 30, 240, 1440, 1440):
        assert refuse(store)
        elapse("stored_token", minutes * 60 - 20)
        assert not refuse(store)
        elapse("stored_token", 20)


def test_a_success_forgives(oms_database: str, elapse: Elapse) -> None:
    store = SharedTokenStore(oms_database, CREDENTIALS)
    assert refuse(store)
    elapse("stored_token", 60)
    assert refuse(store)
    elapse("stored_token", 300)
    log_in(store)
    store.forget(SCOPE, TOKEN)
    assert refuse(store)
    elapse("stored_token", 60)
    assert refuse(store), "the pause is a minute again"


def test_other_credentials_are_tried_at_once_and_the_wrong_ones_stay_cooling(oms_database: str) -> None:
    wrong = SharedTokenStore(oms_database, ("integration.user", "wrong"))
    assert refuse(wrong)
    log_in(SharedTokenStore(oms_database, CREDENTIALS))
    assert not refuse(wrong)
    assert not refuse(SharedTokenStore(oms_database, ("integration.user", "wrong")))


def test_credentials_are_told_apart_however_they_are_cut(oms_database: str) -> None:
    log_in(SharedTokenStore(oms_database, ("ab", "c")))
    assert SharedTokenStore(oms_database, ("a", "bc")).get(SCOPE) is None


def test_a_replaced_key_reads_what_the_old_one_wrote(
    oms_database: str, key: str, set_keys: Callable[[str], None]
) -> None:
    log_in(SharedTokenStore(oms_database))
    set_keys(f"{Fernet.generate_key().decode()}, {key}")
    assert SharedTokenStore(oms_database).get(SCOPE) == TOKEN


def test_a_token_of_a_lost_key_is_none(
    oms_database: str, set_keys: Callable[[str], None], caplog: pytest.LogCaptureFixture
) -> None:
    log_in(SharedTokenStore(oms_database))
    set_keys(Fernet.generate_key().decode())
    assert SharedTokenStore(oms_database).get(SCOPE) is None
    assert "encrypted with another key" in caplog.text
    log_in(SharedTokenStore(oms_database))
    assert SharedTokenStore(oms_database).get(SCOPE) == TOKEN


def test_airflows_key_serves_where_we_have_none(
    oms_database: str, set_keys: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    set_keys("")
    monkeypatch.setenv("AIRFLOW__CORE__FERNET_KEY", Fernet.generate_key().decode())
    settings.cache_clear()
    log_in(SharedTokenStore(oms_database))
    assert SharedTokenStore(oms_database).get(SCOPE) == TOKEN


@pytest.mark.parametrize(("keys", "words"), [("", "there is no key"), ("not a key", "not a Fernet key")])
def test_without_a_key_it_says_which_setting(
    oms_database: str, set_keys: Callable[[str], None], keys: str, words: str
) -> None:
    set_keys(keys)
    with pytest.raises(ConfigurationError, match=words) as error:
        SharedTokenStore(oms_database)
    assert "MAGENTO_OMS_FERNET_KEY" in str(error.value)


def test_a_fork_in_the_middle_of_a_login_leaves_the_turn_with_the_parent(oms_database: str, child: StartChild) -> None:
    store = SharedTokenStore(oms_database, CREDENTIALS)

    def work(tell: Tell) -> None:
        try:
            with SharedTokenStore(oms_database, CREDENTIALS, wait=0.3).login(SCOPE):
                tell("mine")
        except RetryableError:
            tell("waited")

    with store.login(SCOPE) as turn:
        waiting = child(work)
        assert waiting.hear() == "waited"
        waiting.end()
        with pytest.raises(RetryableError), SharedTokenStore(oms_database, CREDENTIALS, wait=0.1).login(SCOPE):
            pytest.fail("the child's end freed the parent's turn")
        turn.succeeded(TOKEN)
