"""Who may call, and what everybody else is told."""

from __future__ import annotations

import base64
import hashlib
import hmac
import secrets
import time
from urllib.parse import quote, unquote

import pytest

from commerce_sandbox.client import DEFAULT_INTEGRATION
from commerce_sandbox.in_process import InProcess

ORDERS = "V1/orders?searchCriteria[pageSize]=1&fields=total_count"
REFUSED = {
    "message": "The consumer isn't authorized to access %resources.",
    "parameters": {"resources": "Magento_Sales::actions_view"},
}
SIGN_IN_REFUSED = (
    "The account sign-in was incorrect or your account is disabled temporarily. Please wait and try again later."
)


def test_a_token_opens_the_store_until_its_life_is_over(sandbox: InProcess) -> None:
    assert sandbox.magento("GET", ORDERS).json() == {"total_count": 0}

    sandbox.set_up(token_seconds=0)
    assert sandbox.log_in().status_code == 200
    expired = sandbox.magento("GET", ORDERS)

    assert (expired.status_code, expired.json()) == (401, REFUSED)


def test_tokens_given_out_before_can_be_expired_at_once(sandbox: InProcess) -> None:
    sandbox.control("POST", "instances/default/expire-tokens")
    assert sandbox.magento("GET", ORDERS).status_code == 401
    sandbox.log_in()
    assert sandbox.magento("GET", ORDERS).status_code == 200


@pytest.mark.parametrize(
    "header", [None, "Bearer nonsense", "Bearer a.b.c", "Bearer \xfc.x", "Basic YWRtaW46eA==", "Bearer "]
)
def test_no_token_and_bad_tokens_get_one_and_the_same_answer(sandbox: InProcess, header: str | None) -> None:
    sandbox.headers.clear()
    refused = sandbox.magento("GET", ORDERS, headers={"authorization": header} if header is not None else {})
    assert (refused.status_code, refused.json()) == (401, REFUSED)


def test_a_token_of_another_store_is_none_of_this_ones(sandbox: InProcess) -> None:
    sandbox.control("PUT", "instances/second", {})
    assert sandbox.call("GET", f"/second/rest/{ORDERS}").status_code == 401


def test_a_missing_permission_reads_like_a_missing_token_and_names_the_resource(sandbox: InProcess) -> None:
    [order] = sandbox.place()
    sandbox.set_up(users={"viewer": {"password": "View-1", "resources": ["Magento_Sales::actions_view"]}})
    sandbox.log_in("viewer", "View-1")

    assert sandbox.magento("GET", ORDERS).status_code == 200
    refused = sandbox.magento("POST", f"V1/order/{order}/ship", {})

    assert refused.status_code == 401
    assert refused.json()["parameters"] == {"resources": "Magento_Sales::ship"}


def test_the_sixth_wrong_password_locks_the_account_even_for_the_right_one_but_nobody_else(sandbox: InProcess) -> None:
    password = {"password": "Right-1", "resources": None}
    sandbox.set_up(users={"locker": password, "other": password}, lock_seconds=1.5)
    for _ in range(6):
        refused = sandbox.log_in("locker", "wrong")
        assert (refused.status_code, refused.json()) == (401, {"message": SIGN_IN_REFUSED})

    assert sandbox.log_in("locker", "Right-1").status_code == 401
    assert sandbox.log_in("other", "Right-1").status_code == 200
    time.sleep(1.6)
    assert sandbox.log_in("locker", "Right-1").status_code == 200


def test_five_wrong_passwords_and_a_right_one_start_the_count_again(sandbox: InProcess) -> None:
    for _ in range(2):
        for _ in range(5):
            assert sandbox.log_in("admin", "wrong").status_code == 401
        assert sandbox.log_in().status_code == 200


@pytest.mark.parametrize(("version", "status"), [("2.4.3", 400), ("2.4.7", 401)])
def test_two_factor_login_gives_no_token_for_a_password(sandbox: InProcess, version: str, status: int) -> None:
    sandbox.set_up(two_factor=["google"], version=version)
    refused = sandbox.log_in()

    assert refused.status_code == status
    assert refused.json() == {
        "message": "Please use the 2fa provider-specific endpoints to obtain a token.",
        "parameters": {"active_providers": ["google"]},
    }


def test_older_versions_give_out_tokens_that_are_no_jwt(sandbox: InProcess) -> None:
    sandbox.set_up(version="2.4.3")
    token = sandbox.log_in().json()

    assert len(token) == 32
    assert sandbox.magento("GET", ORDERS).status_code == 200
    sandbox.control("POST", "instances/default/expire-tokens")
    assert sandbox.magento("GET", ORDERS).status_code == 401


def test_an_integration_token_is_a_bearer_token_by_version_or_switch(sandbox: InProcess) -> None:
    sandbox.headers["authorization"] = f"Bearer {DEFAULT_INTEGRATION['token']}"
    assert sandbox.magento("GET", ORDERS).status_code == 401
    sandbox.set_up(version="2.4.3")
    assert sandbox.magento("GET", ORDERS).status_code == 200
    sandbox.set_up(version="2.4.7", switches={"integration_bearer": True})
    assert sandbox.magento("GET", ORDERS).status_code == 200


def _signed(path: str, *, host: str = "shop.test", method: str = "HMAC-SHA256", **changed: str) -> dict[str, str]:
    values = {
        "oauth_consumer_key": str(DEFAULT_INTEGRATION["consumer_key"]),
        "oauth_token": str(DEFAULT_INTEGRATION["token"]),
        "oauth_nonce": secrets.token_hex(8),
        "oauth_timestamp": str(int(time.time())),
        "oauth_signature_method": method,
        "oauth_version": "1.0",
        **changed,
    }
    bare, _, query = path.partition("?")
    pairs = list(values.items()) + [(unquote(a), unquote(b)) for a, b in (p.split("=") for p in query.split("&"))]
    encoded = "&".join(f"{a}={b}" for a, b in sorted((quote(a, safe="~"), quote(b, safe="~")) for a, b in pairs))
    base = "&".join(("GET", quote(f"http://{host}/rest/{bare}", safe="~"), quote(encoded, safe="~")))
    key = f"{DEFAULT_INTEGRATION['consumer_secret']}&{DEFAULT_INTEGRATION['token_secret']}"
    digest = hashlib.sha256 if method == "HMAC-SHA256" else hashlib.sha1
    values["oauth_signature"] = base64.b64encode(hmac.new(key.encode(), base.encode(), digest).digest()).decode()
    return {"authorization": "OAuth " + ",".join(f'{a}="{quote(b, safe="~")}"' for a, b in values.items())}


def test_oauth_1_signatures_are_checked_over_the_host_without_its_port(sandbox: InProcess) -> None:
    path = ORDERS.replace("[", "%5B").replace("]", "%5D")

    assert sandbox.magento("GET", path, headers=_signed(path)).status_code == 200
    wrong = sandbox.magento("GET", path, headers=_signed(path, host="shop.test:8090"))
    assert (wrong.status_code, wrong.json()["message"]) == (401, "The signature is invalid. Verify and try again.")

    sandbox.set_up(oauth_with_port=True)
    assert sandbox.magento("GET", path, headers=_signed(path, host="shop.test:8090")).status_code == 200


def test_oauth_1_refusals(sandbox: InProcess) -> None:
    old = _signed(ORDERS, oauth_timestamp="1000000000")
    assert sandbox.magento("GET", ORDERS, headers=old).status_code == 200
    replayed = sandbox.magento("GET", ORDERS, headers=old)
    assert (replayed.status_code, replayed.json()) == (
        401,
        {"message": "The nonce is already being used by the consumer with ID %1", "parameters": ["1"]},
    )
    unknown = sandbox.magento("GET", ORDERS, headers=_signed(ORDERS, oauth_token="y" * 32))
    assert (unknown.status_code, unknown.json()) == (401, {"message": "Specified token does not exist"})
    sha1 = sandbox.magento("GET", ORDERS, headers=_signed(ORDERS, method="HMAC-SHA1"))
    assert sha1.status_code == 400
    sandbox.set_up(version="2.4.3")
    assert sandbox.magento("GET", ORDERS, headers=_signed(ORDERS, method="HMAC-SHA1")).status_code == 200
