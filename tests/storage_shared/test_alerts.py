"""Alerts: one message a story, whoever and however many raise it; its end; what could not be told."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from magento_oms.ports import Alert, RetryableError
from magento_oms.storage.alerts import AlertBook

if TYPE_CHECKING:
    from tests.storage_shared.conftest import AtOnce, Elapse, StartChild, Tell

OUTAGE = Alert("outage:magento:heritage", "heritage does not answer", "503 since 10:00. Nothing is lost.", "http://x/1")
DAY = 86_400


class Phone:
    """A notifier that remembers, and fails while it is broken."""

    def __init__(self, *, slow: float = 0.0) -> None:
        self.told: list[Alert] = []
        self.broken = False
        self.slow = slow
        self._lock = threading.Lock()

    def notify(self, alert: Alert) -> None:
        time.sleep(self.slow)
        if self.broken:
            raise RetryableError("Slack answered 503.")
        with self._lock:
            self.told.append(alert)


def test_a_story_is_told_once_and_its_end_once(oms_database: str) -> None:
    phone = Phone()
    book = AlertBook(oms_database, phone)
    assert book.raise_alert(OUTAGE)
    assert not book.raise_alert(OUTAGE)
    assert not AlertBook(oms_database, phone).raise_alert(replace(OUTAGE, text="503 since 10:05"))
    assert phone.told == [OUTAGE]
    assert book.end(OUTAGE.group)
    assert not book.end(OUTAGE.group)
    over = phone.told[1]
    assert (over.group, over.title) == (OUTAGE.group, "Over: heritage does not answer")
    assert "3 times" in over.text
    assert book.raise_alert(OUTAGE), "a new story"
    assert len(phone.told) == 3


def test_other_groups_are_other_stories(oms_database: str) -> None:
    phone = Phone()
    book = AlertBook(oms_database, phone)
    assert book.raise_alert(OUTAGE)
    assert book.raise_alert(replace(OUTAGE, group="outage:magento:urban"))
    assert not book.end("outage:magento:rural")
    assert len(phone.told) == 2
    assert [(story.group, story.times, story.delivered) for story in book.stories()] == [
        ("outage:magento:heritage", 1, True),
        ("outage:magento:urban", 1, True),
    ]


def test_it_is_told_again_after_a_day(oms_database: str, elapse: Elapse) -> None:
    phone = Phone()
    book = AlertBook(oms_database, phone)
    assert book.raise_alert(OUTAGE)
    elapse("sent_alert", DAY - 60)
    assert not book.raise_alert(OUTAGE)
    elapse("sent_alert", 60)
    assert book.raise_alert(OUTAGE)
    assert not book.raise_alert(OUTAGE)
    assert phone.told[1].text.startswith(OUTAGE.text)
    assert "3 times since" in phone.told[1].text


def test_what_could_not_be_told_is_tried_again(oms_database: str, caplog: pytest.LogCaptureFixture) -> None:
    phone = Phone()
    book = AlertBook(oms_database, phone)
    phone.broken = True
    assert not book.raise_alert(OUTAGE)
    assert "Slack answered 503" in caplog.text
    assert OUTAGE.text in caplog.text
    assert [story.delivered for story in book.stories()] == [False]
    phone.broken = False
    assert book.raise_alert(OUTAGE)
    assert not book.raise_alert(OUTAGE)
    assert len(phone.told) == 1


def test_a_reminder_that_could_not_be_told_is_tried_again(oms_database: str, elapse: Elapse) -> None:
    phone = Phone()
    book = AlertBook(oms_database, phone)
    book.raise_alert(OUTAGE)
    elapse("sent_alert", DAY)
    phone.broken = True
    assert not book.raise_alert(OUTAGE)
    phone.broken = False
    assert book.raise_alert(OUTAGE)
    assert not book.raise_alert(OUTAGE)
    assert len(phone.told) == 2


def test_what_is_not_raised_again_is_told_later(oms_database: str) -> None:
    phone = Phone()
    book = AlertBook(oms_database, phone)
    phone.broken = True
    book.raise_alert(OUTAGE)
    assert book.tell_untold() == 0
    phone.broken = False
    assert book.tell_untold() == 1
    assert book.tell_untold() == 0
    assert [alert.title for alert in phone.told] == [OUTAGE.title]


def test_the_end_of_what_nobody_knows_is_not_told(oms_database: str) -> None:
    phone = Phone()
    book = AlertBook(oms_database, phone)
    phone.broken = True
    book.raise_alert(OUTAGE)
    phone.broken = False
    assert not book.end(OUTAGE.group)
    assert phone.told == []
    assert book.stories() == []


def test_an_end_that_could_not_be_told_is_tried_again(oms_database: str, caplog: pytest.LogCaptureFixture) -> None:
    phone = Phone()
    book = AlertBook(oms_database, phone)
    book.raise_alert(OUTAGE)
    phone.broken = True
    assert not book.end(OUTAGE.group)
    assert "could not be told" in caplog.text
    phone.broken = False
    assert book.end(OUTAGE.group)
    assert len(phone.told) == 2


def test_a_fault_of_the_notifier_is_not_hidden_and_not_final(oms_database: str) -> None:
    class Wrong(Phone):
        def notify(self, alert: Alert) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        AlertBook(oms_database, Wrong()).raise_alert(OUTAGE)
    phone = Phone()
    assert AlertBook(oms_database, phone).raise_alert(OUTAGE)
    with pytest.raises(ZeroDivisionError):
        AlertBook(oms_database, Wrong()).end(OUTAGE.group)
    assert AlertBook(oms_database, phone).end(OUTAGE.group)


def test_eight_at_once_tell_once_and_all_are_counted(oms_database: str, at_once: AtOnce) -> None:
    phone = Phone(slow=0.1)
    assert sum(at_once(8, lambda _: AlertBook(oms_database, phone).raise_alert(OUTAGE))) == 1
    assert len(phone.told) == 1
    assert AlertBook(oms_database, phone).stories()[0].times == 8


def test_eight_ends_at_once_tell_once(oms_database: str, at_once: AtOnce) -> None:
    phone = Phone(slow=0.1)
    AlertBook(oms_database, phone).raise_alert(OUTAGE)
    assert sum(at_once(8, lambda _: AlertBook(oms_database, phone).end(OUTAGE.group))) == 1
    assert len(phone.told) == 2


def test_an_end_during_the_telling_is_told_too(oms_database: str, at_once: AtOnce) -> None:
    telling, ended = threading.Event(), threading.Event()

    class Slow(Phone):
        def notify(self, alert: Alert) -> None:
            if alert == OUTAGE:
                telling.set()
                ended.wait(30)
            super().notify(alert)

    phone = Slow()
    book = AlertBook(oms_database, phone)

    def work(number: int) -> bool:
        if number == 0:
            return book.raise_alert(OUTAGE)
        telling.wait(30)
        over = AlertBook(oms_database, phone).end(OUTAGE.group)
        ended.set()
        return over

    assert at_once(2, work) == [True, True]
    assert {alert.title for alert in phone.told} == {OUTAGE.title, f"Over: {OUTAGE.title}"}
    assert book.stories() == []


def test_a_teller_killed_in_the_middle_is_replaced(oms_database: str, child: StartChild, elapse: Elapse) -> None:
    def die(tell: Tell) -> None:
        class Endless(Phone):
            def notify(self, alert: Alert) -> None:
                tell("telling")
                time.sleep(60)

        AlertBook(oms_database, Endless()).raise_alert(OUTAGE)

    teller = child(die)
    assert teller.hear() == "telling"
    teller.kill()
    phone = Phone()
    book = AlertBook(oms_database, phone)
    assert not book.raise_alert(OUTAGE)
    elapse("sent_alert", 120)
    assert book.raise_alert(OUTAGE)
