"""The same call for many arguments: in processes of this machine, or over the machines of a Ray cluster."""

import logging
import multiprocessing
import os
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from .errors import DreamitateError

Call = tuple[Any, ...]

PASSED_ON = ("DREAMITATE_", "PYTHONPATH", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
"""Beginnings of the names of those environment variables that the machines of a cluster take over."""
_CONNECT_S = 5.0


def in_processes(function: Callable[..., Any], calls: Sequence[Call], workers: int) -> Iterator[tuple[Call, Any]]:
    """Yield (arguments, result) as results come. workers: 0 for one per core.

    Raises DreamitateError where a process dies, and whatever `function` raises.
    """
    # numba, OpenCV and GL keep threads, which a fork does not survive, so each worker starts afresh.
    count = min(workers or os.cpu_count() or 1, len(calls) or 1)
    pool = ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _begin_worker)
    try:
        jobs = {pool.submit(function, *call): call for call in calls}
        for job in as_completed(jobs):
            yield jobs[job], job.result()
    except BrokenProcessPool:
        raise DreamitateError(
            "A worker process died, perhaps for want of memory. What is done is kept; go on with fewer --workers."
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def on_ray(function: Callable[..., Any], calls: Sequence[Call], address: str) -> Iterator[tuple[Call, Any]]:
    """Yield (arguments, result) as they come from the Ray cluster at `address`, one core for each call.

    All machines must have this software and see the same folders. address: as for `ray.init`: "auto" for the cluster
    that this machine belongs to, "ray://HOST:10001" for another. Raises DreamitateError where Ray is not installed, the
    cluster is not there or a machine of it dies, and whatever `function` raises.
    """
    try:
        import ray
    except ImportError:
        raise DreamitateError("Ray is not installed here: `pip install ray`, or leave --ray away.") from None
    try:
        host, _, port = address.removeprefix("ray://").rpartition(":")
        if port.isdigit():  # Ray itself would try for minutes
            socket.create_connection((host, int(port)), _CONNECT_S).close()
        env = {name: value for name, value in os.environ.items() if name.startswith(PASSED_ON)}
        ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, runtime_env={"env_vars": env})
    except (OSError, ValueError, RuntimeError) as error:
        reason = str(error).strip().splitlines()[0]
        raise DreamitateError(f"No Ray cluster at {address!r}: {reason} Start one with `ray start --head`.") from None
    try:
        remote = ray.remote(num_cpus=1)(_call)
        jobs = {remote.remote(function, *call): call for call in calls}
        while jobs:
            ended, _ = ray.wait(list(jobs))
            yield jobs.pop(ended[0]), ray.get(ended[0])
    except ray.exceptions.RayTaskError as error:
        raise error.cause from None
    except ray.exceptions.RayError as error:
        raise DreamitateError(f"The Ray cluster at {address!r} failed: {error} What is done is kept.") from None
    finally:
        ray.shutdown()


def _call(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


def _begin_worker() -> None:
    """Leave Ctrl-C to the parent process, and the other cores to the other workers."""
    import cv2

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)
