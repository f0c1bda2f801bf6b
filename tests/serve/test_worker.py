"""One at a time, in order, with a bound; who has left is not computed for."""

import asyncio
import threading

import pytest

from ovseg_jax.serve.limits import Refusal
from ovseg_jax.serve.worker import Worker


def run(scenario, bound=2):
    async def both():
        worker = Worker(bound)
        try:
            return await scenario(worker)
        finally:
            await asyncio.to_thread(worker.close)

    return asyncio.run(both())


def test_requests_take_turns_and_the_bound_refuses_the_next():
    async def scenario(worker):
        gate, at_work = threading.Event(), []

        def compute(say, number):
            say(f"part {number}")
            gate.wait(10)
            at_work.append(threading.current_thread().name)
            return number

        asked = [asyncio.create_task(worker.ask(lambda say, n=n: compute(say, n))) for n in (1, 2)]
        await asyncio.sleep(0.1)
        assert (worker.waiting, worker.doing) == (2, "part 1")
        with pytest.raises(Refusal, match="2 requests are waiting") as caught:
            await worker.ask(lambda say: None)
        assert (caught.value.status, caught.value.wait > 0) == (503, True)
        gate.set()
        assert await asyncio.gather(*asked) == [1, 2] and len(set(at_work)) == 1
        await asyncio.sleep(0.05)
        assert (worker.waiting, worker.doing) == (0, "")

    run(scenario)


def test_who_left_before_the_turn_is_not_computed_for():
    async def scenario(worker):
        gate, computed = threading.Event(), []

        async def has_left():
            return True

        first = asyncio.create_task(worker.ask(lambda say: gate.wait(10)))
        await asyncio.sleep(0.05)
        with pytest.raises(Refusal, match="has left"):
            await worker.ask(lambda say: computed.append(1), has_left)
        gate.set()
        await first
        assert not computed and worker.waiting <= 1

    run(scenario)


def test_what_fails_is_raised_and_the_next_request_works():
    async def scenario(worker):
        def fails(say):
            say("failing")
            raise KeyError("x")

        with pytest.raises(KeyError):
            await worker.ask(fails)
        assert worker.doing == "" and await worker.ask(lambda say: 7) == 7

    run(scenario)
