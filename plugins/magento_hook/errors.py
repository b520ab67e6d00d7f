"""Every answer and every fault of the network, told apart by what the caller does about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from careful_http.exchange import Answer, Call, kept
from careful_http.outcome import BY_ITSELF, BY_LOOKING, DEFAULT_PAUSE, Trouble, retry_after, subject
from magento_hook.connection import STOREFRONT
from magento_hook.messages import Message, read_message
from magento_oms.ports import (
    AlreadyDone,
    AuthenticationError,
    ConfigurationError,
    NotFound,
    OutsideError,
    PermanentError,
    RateLimited,
    RetryableError,
    UnknownOutcome,
)
from magento_oms.ports.inventory import TooManyLines

# Texts of Magento 2.2 to 2.4.8, as recorded or read in its source; matched in part and without regard to case.
_LOGIN_REFUSED = ("account sign-in was incorrect", "did not sign in correctly")
_TWO_FACTOR = ("2fa", "two-factor", "two factor")
_BAD_SIGNATURE = ("signature is invalid", "invalid signature")
_USED_NONCE = ("nonce is already being used",)
_OAUTH = ("token does not exist", "oauth", "token length", "signature method")
_ALREADY_DONE = (
    "the order does not allow an invoice to be created",
    "an invoice cannot be created when an order has a status of complete",
    "the order does not allow a shipment to be created",
)
_REFUSED_STATE = (" has a status of ",)
_COULD_NOT_SAVE = ("could not save", "couldn't be saved", "deadlock found", "lock wait timeout", "unable to save")
_MAINTENANCE = ("maintenance downtime", "maintenance mode")


class PageTooLarge(PermanentError):
    """The store takes smaller pages only; `limit` is its largest."""

    def __init__(self, what: str, limit: int, **more: Any) -> None:
        super().__init__(what, **more)
        self.limit = limit


class MissingPermission(ConfigurationError):
    """The credentials lack an ACL resource; `resource` is Magento's name of it."""

    def __init__(self, what: str, resource: str, **more: Any) -> None:
        super().__init__(what, **more)
        self.resource = resource


def is_login_refusal(message: Message) -> bool:
    """Wrong user name or password, or a locked account: Magento says the same."""
    return message.says(*_LOGIN_REFUSED)


def wants_second_factor(message: Message) -> bool:
    """Two-factor login is on. Versions answer 400 or 401, so only the text tells."""
    return message.says(*_TWO_FACTOR)


def is_bad_signature(message: Message) -> bool:
    """The OAuth signature was refused: wrong secrets, or another idea of the URL."""
    return message.says(*_BAD_SIGNATURE)


def is_used_nonce(message: Message) -> bool:
    """The OAuth nonce was used before."""
    return message.says(*_USED_NONCE)


def judge(answer: Answer, call: Call, instance: str) -> Trouble | None:
    """None for a good answer, else what went wrong."""
    if 200 <= answer.status < 300:
        return _not_json(answer, call, instance)
    if 300 <= answer.status < 400:
        return _redirect(answer, call, instance)
    told = _Told(answer, call, instance, read_message(answer))
    if answer.status == 429:
        return told.rate_limited()
    if answer.status >= 500:
        return told.server_error()
    match answer.status:
        case 400:
            return told.refused()
        case 401:
            return told.unauthorised()
        case 404:
            return told.missing()
        case 413 | 414:
            return told.permanent(" It was too long for the web server.")
        case 408 | 425:
            return Trouble(told.error(RetryableError, BY_ITSELF), again=not call.changes)
        case _:
            return told.configuration(
                "A firewall or CDN in front of the store refuses it: let this machine's address through."
                if answer.status == 403
                else STOREFRONT
            )


def _subject(call: Call, instance: str) -> str:
    return subject(call, f"Magento {instance}")


def _not_json(answer: Answer, call: Call, instance: str) -> Trouble | None:
    """A page for people in place of JSON, with a status that claims success."""
    if not answer.is_page:
        return None
    told = _Told(answer, call, instance, read_message(answer))
    if call.changes:
        return Trouble(told.error(UnknownOutcome, BY_LOOKING), outage=True)
    return Trouble(
        told.error(
            ConfigurationError,
            f"The URL may be wrong, or a firewall shows a check page. {STOREFRONT}",
        ),
        outage=True,
    )


def _redirect(answer: Answer, call: Call, instance: str) -> Trouble:
    target = urlsplit(answer.headers.get("Location", ""))
    shown = f"{target.scheme}://{target.hostname}{target.path}" if target.hostname else target.path or "nowhere"
    return Trouble(
        ConfigurationError(
            f"{_subject(call, instance)}: the store redirects to {shown} (HTTP {answer.status}); redirects are not"
            " followed, because they lose what was sent.",
            way_out="Set the URL to the address that the store itself uses (scheme, www, path).",
            status=answer.status,
            exchange=kept(call, answer),
        )
    )


@dataclass(frozen=True, slots=True)
class _Told:
    """An answer that refuses, with its message."""

    answer: Answer
    call: Call
    instance: str
    message: Message

    def error(self, kind: type[OutsideError], way_out: str = "", more: str = "", **extra: Any) -> OutsideError:
        answered = "a web page" if self.answer.is_page else "an empty answer" if not self.message.text else ""
        said = f"{answered}: {self.message.text!r}" if answered and self.message.text else answered or self.message.text
        return kind(
            f"{_subject(self.call, self.instance)}: HTTP {self.answer.status}, {said}{'' if said[-1:] == '.' else '.'}"
            f"{more}",
            way_out=way_out,
            status=self.answer.status,
            exchange=kept(self.call, self.answer),
            **extra,
        )

    def permanent(self, more: str = "") -> Trouble:
        return Trouble(self.error(PermanentError, more=more))

    def configuration(self, way_out: str) -> Trouble:
        return Trouble(self.error(ConfigurationError, way_out))

    def rate_limited(self) -> Trouble:
        pause = retry_after(self.answer)
        pause = DEFAULT_PAUSE if pause is None else pause
        error = self.error(RateLimited, BY_ITSELF, retry_after=pause)
        return Trouble(error, again=not self.call.changes, pause=pause)

    def server_error(self) -> Trouble:
        """5xx. Magento's own maintenance page comes before anything is done; of all else nobody knows."""
        maintenance = any(text.encode() in self.answer.body.lower() for text in _MAINTENANCE)
        if self.answer.status == 503 and maintenance:
            more = " The store is in maintenance mode."
        elif self.call.changes:
            return Trouble(self.error(UnknownOutcome, BY_LOOKING), outage=True)
        else:
            more = ""
        pause = retry_after(self.answer)
        if pause is not None:
            error = self.error(RateLimited, BY_ITSELF, more, retry_after=pause)
        else:
            error = self.error(RetryableError, BY_ITSELF, more)
        return Trouble(error, outage=True, again=not self.call.changes, pause=pause)

    def missing(self) -> Trouble:
        """404: the web server or the router does not know the address, or there is no such order."""
        if self.answer.is_page:
            return self.configuration(f"No Magento API lives there. {STOREFRONT}")
        if self.message.says("does not match any route") or not self.message.text:
            return self.configuration("The store lacks this call: its version is too old or a module is off.")
        return Trouble(self.error(NotFound))

    def unauthorised(self) -> Trouble:
        """401 of a missing permission, of bad credentials, or of a web server's own password."""
        resource = self.message.parameter("resources")
        if resource:
            error = self.error(
                MissingPermission,
                f"Give the integration or the admin's role the resource {_shown(resource)}; where it has that, the"
                " token was revoked or, of an integration, is not taken as a bearer (use OAuth).",
                resource=_shown(resource),
            )
        elif "basic" in self.answer.headers.get("WWW-Authenticate", "").lower() or self.answer.is_page:
            error = self.error(
                ConfigurationError,
                "A password of the web server protects the store: let this machine's address through.",
            )
        else:
            error = self.error(AuthenticationError, "Correct the credentials in the connection.")
        return Trouble(error)

    def refused(self) -> Trouble:
        """400: the texts tell a limit, a credential, a repeat, a passing lock and a real refusal apart."""
        message = self.message
        limit = message.parameter("max")
        if message.says("searchcriteria pagesize") and str(limit).isdigit():
            return Trouble(self.error(PageTooLarge, limit=int(limit)))
        if message.says("maximum items of type") and str(limit).isdigit():
            return Trouble(self.error(TooManyLines, limit=int(limit)))
        if wants_second_factor(message):
            return self.configuration(
                "Two-factor login is on: use an integration (OAuth) in the connection, which needs no second factor."
            )
        if self.answer.is_page or message.says("specified request cannot be processed"):
            return self.configuration(STOREFRONT)
        if is_bad_signature(message) or message.says(*_OAUTH):
            return Trouble(self.error(AuthenticationError, "Correct the credentials in the connection."))
        if message.says(_ALREADY_DONE[1]) or (message.says(*_ALREADY_DONE) and not message.says(*_REFUSED_STATE)):
            return Trouble(self.error(AlreadyDone))
        if message.says(*_COULD_NOT_SAVE):
            return self.not_saved()
        return self.permanent()

    def not_saved(self) -> Trouble:
        """A rolled-back transaction, most often a database lock; but money may have moved at the gateway."""
        if isinstance(self.call.body, Mapping) and self.call.body.get("capture"):
            error = self.error(
                PermanentError,
                "The payment may have been taken all the same: look at the payment gateway before invoicing again.",
            )
            return Trouble(error)
        return Trouble(self.error(RetryableError, BY_ITSELF), again=not self.call.changes)


def _shown(resource: Any) -> str:
    return ", ".join(map(str, resource)) if isinstance(resource, list) else str(resource)
