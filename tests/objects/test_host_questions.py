"""Questions to the host: one at a time, dropped with their pipe, answered with nothing when there are too many."""

from __future__ import annotations

import pytest

from smbserver.objects.host_questions import MAX_WAITING, HostQuestions
from smbserver.rpc.host_names import HostAnswer, HostQuestion
from smbserver.waiter import Waiter
from tests.harness import ManualRuntime


def about(uid: int) -> HostQuestion:
    return HostQuestion(frozenset({uid}))


def asked() -> tuple[HostQuestions, ManualRuntime, list[int]]:
    runtime = ManualRuntime()
    questions = HostQuestions(runtime)
    seen: list[int] = []

    def answer(question: HostQuestion) -> HostAnswer:
        seen.extend(question.uids)
        return HostAnswer({uid: f"user{uid}" for uid in question.uids})

    questions.ask_host = answer
    return questions, runtime, seen


def test_one_at_a_time_and_in_order() -> None:
    questions, runtime, seen = asked()
    runtime.hold_offloaded = True
    waiters = [questions.ask(about(uid)) for uid in range(4)]
    assert runtime.offloaded == 1
    waiters[1].cancel()
    runtime.run_offloaded()
    assert seen == [0, 2, 3]
    assert [waiter.result().user_names for waiter in waiters if not waiter.cancelled] == [
        {0: "user0"},
        {2: "user2"},
        {3: "user3"},
    ]


def test_nothing_to_ask() -> None:
    questions, runtime, _seen = asked()
    runtime.hold_offloaded = True
    assert questions.ask(HostQuestion()).result() == HostAnswer()
    assert not runtime.offloaded


def test_too_many_get_numbers_instead_of_names() -> None:
    questions, runtime, seen = asked()
    runtime.hold_offloaded = True
    waiters = [questions.ask(about(uid)) for uid in range(MAX_WAITING + 2)]
    assert [waiter.done for waiter in waiters] == [False] * (MAX_WAITING + 1) + [True]
    assert waiters[-1].result() == HostAnswer()
    runtime.run_offloaded()
    assert len(seen) == MAX_WAITING + 1


def test_a_server_that_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    questions, runtime, _seen = asked()
    asking: Waiter[HostAnswer] = Waiter()
    monkeypatch.setattr(runtime, "offload", lambda _call: asking)
    waiters = [questions.ask(about(uid)) for uid in range(2)]
    asking.cancel()
    assert [waiter.cancelled for waiter in waiters] == [True, True]
