"""A batch on a Dask cluster that runs already: songs go to its workers, results come back to us.

Used from the one thread that runs the batch; Dask's own threads only put news in a queue. The cluster
belongs to somebody: no more songs than its workers need at once are handed over, nothing is left behind,
and each worker process works on one song at a time, whatever its number of threads (a model and the
warnings of a decoder belong to a whole process). When a worker dies, Dask gives its song to another.
"""

import logging
import queue
import re
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from typing import Any, Self

from engine.errors import BatchError, CharonError, JobCancelled
from engine.services.batch_work import Analysing, BatchSong, Bench, Doing, Outcome, check, worker_name
from engine.services.crew import TICK_S, Done, Lost, Part

CONNECT_S = 5.0
_ADDRESS = re.compile(r"([A-Za-z0-9]+://)?[^/\s]+:\d+")

LOOK_S = 2.0
"""How often the cluster is asked how many workers it has."""

LONELY_S = 60.0
"""How long a cluster may be without any worker: a nanny starts one again within seconds."""

AHEAD = 2
"""Songs handed over for each thread of a worker, so that none waits for us."""

TOPIC = "charon-batch"

_log = logging.getLogger(__name__)


class ClusterHands:
    """The workers of a Dask cluster.

    Parameters
    ----------
    address : str
        Of the scheduler, such as ``tcp://host:8786``.
    doing : Analysing or Separating
    """

    def __init__(self, address: str, doing: Doing) -> None:
        self._address = address
        self._doing = doing
        self._client: Any = None
        self._batch = uuid.uuid4().hex
        self._songs: list[BatchSong] = []
        self._futures: dict[Any, BatchSong] = {}
        self._news: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()

    def __enter__(self) -> Self:
        """Reach the cluster and make sure that every worker can do what is wanted.

        Raises
        ------
        BatchError
            There is no scheduler, it has no worker, or one that cannot.
        """
        if not _ADDRESS.fullmatch(self._address):
            raise BatchError(f"{self._address!r} is no address of a Dask scheduler; tcp://host:8786 is one")
        try:
            from distributed import Client
        except ImportError as err:
            raise BatchError(
                "a Dask cluster needs the package distributed: install charon[cluster], or leave --dask away"
            ) from err
        _log_as_we_do()
        try:
            self._client = Client(self._address, timeout=CONNECT_S, set_as_default=False, name="charon")
        except (OSError, ValueError, TimeoutError) as err:
            reason = " ".join(str(err).split())[:200]
            raise BatchError(
                f"no Dask scheduler answers at {self._address} ({reason}): is `dask scheduler` running there?"
            ) from err
        try:
            self._check_workers()
            self._client.subscribe_topic(TOPIC, self._hear_event)
        except BaseException:
            self._client.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Take back what is not done, and leave the cluster to its owner."""
        try:
            # Cancelled, a song that is in work ends at its next step.
            self._client.cancel(list(self._futures), force=True)
        except (OSError, TimeoutError, RuntimeError) as err:
            _log.info("the cluster cannot be told to stop: %s", err)
        self._futures.clear()
        self._client.close()

    def _check_workers(self) -> None:
        if not self._n_threads():
            raise BatchError(
                f"the cluster at {self._address} has no worker: start some, `dask worker {self._address}`"
            )
        try:
            answers = self._client.run(ready, self._doing, self._doing.key, on_error="return")
        except (OSError, TimeoutError, RuntimeError) as err:
            raise BatchError(f"the workers of {self._address} do not answer ({err})") from err
        for worker, answer in answers.items():
            if isinstance(answer, CharonError):
                raise BatchError(f"the worker {worker} cannot do this: {answer}") from answer
            if isinstance(answer, BaseException):
                raise BatchError(
                    f"the worker {worker} cannot run Charon ({type(answer).__name__}: {answer}): "
                    "start it where this version of Charon is installed"
                ) from answer

    def _n_threads(self) -> int:
        try:
            return sum(self._client.nthreads().values())
        except (OSError, TimeoutError, RuntimeError) as err:
            raise self._gone() from err

    def _gone(self) -> BatchError:
        return BatchError(
            f"the cluster at {self._address} is gone; what is done is kept, start the batch again to go on"
        )

    def work_through(
        self, items: Iterable[BatchSong]
    ) -> Iterator[Done[BatchSong, Outcome] | Lost[BatchSong] | Part[BatchSong] | None]:
        """Have songs worked on, begun in about their order.

        Parameters
        ----------
        items : iterable of BatchSong

        Yields
        ------
        Done, Lost, Part or None
            As `engine.services.crew.Crew.work_through`.

        Raises
        ------
        BatchError
            The scheduler is gone, or all workers are for a minute.
        """
        waiting = deque(items)
        crowd = _Crowd(self._n_threads)
        while waiting or self._futures:
            while waiting and len(self._futures) < AHEAD * crowd.n_threads():
                self._submit(waiting.popleft())
            try:
                kind, value = self._news.get(timeout=TICK_S)
            except queue.Empty:
                # Asked now and then, or a cluster that is gone would be waited for for ever.
                crowd.n_threads()
                if self._client.status != "running":
                    raise self._gone() from None
                yield None
                continue
            if kind == "part":
                yield Part(*value)
            elif value in self._futures:
                news = self._ended(value)
                if news is not None:
                    yield news

    def _submit(self, song: BatchSong) -> None:
        # Numbers, because a name need not be text that can be sent.
        number = len(self._songs)
        self._songs.append(song)
        key = f"charon-{self._batch}-{number}"
        try:
            future = self._client.submit(work_on, self._doing, song, self._batch, number, key=key, pure=False)
        except (OSError, RuntimeError, TimeoutError) as err:
            raise self._gone() from err
        self._futures[future] = song
        future.add_done_callback(self._hear_end)

    def _hear_end(self, future: Any) -> None:
        self._news.put(("ended", future))

    def _hear_event(self, event: tuple[float, dict[str, Any]]) -> None:
        told = event[1]
        if told.get("batch") == self._batch:
            self._news.put(("part", (self._songs[told["number"]], told["part"])))

    def _ended(self, future: Any) -> Done[BatchSong, Outcome] | Lost[BatchSong] | None:
        """What came of a song; None when its result died with a worker and comes again."""
        from distributed import CancelledError, KilledWorker

        song = self._futures[future]
        try:
            outcome: Outcome = future.result(timeout=CONNECT_S)
        except TimeoutError:
            future.add_done_callback(self._hear_end)
            return None
        except KilledWorker:
            del self._futures[future]
            return Lost(song, None)
        except (CancelledError, OSError) as err:
            raise self._gone() from err
        except Exception as err:  # noqa: BLE001  whatever a worker made of it: the others go on
            _log.warning("%s failed on the cluster", song.address, exc_info=err)
            outcome = Outcome(failure=f"the worker could not do it ({type(err).__name__}: {err})", worker="")
        del self._futures[future]
        return Done(song, outcome)


class _Crowd:
    """How many threads the workers have, asked now and then."""

    def __init__(self, ask: Callable[[], int]) -> None:
        self._ask = ask
        self._n_threads = ask()
        self._asked_s = self._seen_s = time.monotonic()

    def n_threads(self) -> int:
        now_s = time.monotonic()
        if now_s - self._asked_s > LOOK_S:
            self._n_threads, self._asked_s = self._ask(), now_s
            if self._n_threads:
                self._seen_s = now_s
            elif now_s - self._seen_s > LONELY_S:
                raise BatchError(
                    f"the cluster has had no worker for {LONELY_S:.0f} s; what is done is kept, start some "
                    "and the batch again"
                )
        return self._n_threads


def _log_as_we_do() -> None:
    """What Dask has to say goes to our log, not to the terminal, where it would tear up the progress bar."""
    logger = logging.getLogger("distributed")
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    logger.propagate = True


# ---- what runs in a worker

_bench_lock = threading.Lock()
# At module level, because a worker process has no other place for what outlives a task: the one model
# that was used last, and the lock that gives it to one song at a time.
_bench: list[Bench] = []


def ready(doing: Doing, key: str) -> None:
    """Find out in a worker whether it can do what is wanted; raises what stands against it.

    Parameters
    ----------
    doing : Analysing or Separating
    key : str
        `doing.key` as the asking side has it.

    Raises
    ------
    CharonError
        See `engine.services.batch_work.check`; or this is another version.
    """
    if doing.key != key:
        raise BatchError(f"it has another version of Charon ({doing.key}, not {key})")
    check(doing)


def work_on(doing: Doing, song: BatchSong, batch: str, number: int) -> Outcome:
    """Work on one song in a worker.

    Parameters
    ----------
    doing : Analysing or Separating
    song : BatchSong
    batch : str
        Whose song it is.
    number : int
        Which of its songs.

    Returns
    -------
    Outcome
    """
    from distributed import get_worker

    worker = get_worker()
    if isinstance(doing, Analysing):
        doing = replace(doing, threads=worker.state.nthreads)
    report = _Report(worker, batch, number)
    with _bench_lock:
        if not _bench or _bench[0].doing != doing:
            while _bench:
                _bench.pop().close()
            _bench.append(Bench(doing))
        try:
            return _bench[0].work_on(song, report)
        except JobCancelled as err:
            return Outcome(failure=str(err), worker=worker_name())


class _Report:
    """Tells the client how far a song is, and the song when nobody wants it any more."""

    def __init__(self, worker: Any, batch: str, number: int) -> None:
        self._worker = worker
        self._key = worker.get_current_task()
        self._song = {"batch": batch, "number": number}
        self._told_s = time.monotonic()

    def __call__(self, part: float) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s < TICK_S:
            return
        self._told_s = now_s
        task = self._worker.state.tasks.get(self._key)
        if task is None or task.state == "cancelled":
            raise JobCancelled("the batch was cancelled")
        self._worker.log_event(TOPIC, {**self._song, "part": part})
