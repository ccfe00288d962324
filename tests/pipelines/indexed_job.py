"""Stands in for Kubernetes' controller of Indexed Jobs: which index gets a pod, and until when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

from tests.pipelines.cluster import action_of


class Ended(NamedTuple):
    """How a pod ended.

    Attributes:
        code: its container's exit code, as the kubelet reports it: 137 after SIGKILL.
        disrupted: it was deleted with its node, or evicted.
        log: what it wrote to stderr.
    """

    code: int
    disrupted: bool = False
    log: str = ""


class IndexedJob:
    """Carries out a Job with ``completionMode: Indexed`` by its spec.

    The lowest index that has neither a pod nor an end gets the next pod, and at most
    ``parallelism`` have one. An index is started again until it succeeds, is failed by the policy,
    or has failed more often than ``backoffLimitPerIndex``: at once, without the controller's delay.

    Args:
        pod: runs the pod of an index to its end; called from several threads.

    Attributes:
        succeeded: indexes.
        failed: indexes.
        ended: index → its pods, in order.
    """

    def __init__(self, spec: Mapping[str, Any], pod: Callable[[int], Ended]) -> None:
        assert spec["completionMode"] == "Indexed"
        assert spec["template"]["spec"]["restartPolicy"] == "Never"
        self._spec = spec
        self._pod = pod
        self._counted = Counter[int]()
        self.succeeded = set[int]()
        self.failed = set[int]()
        self.ended: dict[int, list[Ended]] = {n: [] for n in range(spec["completions"])}

    def run(self) -> None:
        """Return when every index has succeeded or failed."""
        running = dict[Future[Ended], int]()
        with ThreadPoolExecutor(self._spec["parallelism"]) as slots:
            while True:
                busy = {*running.values(), *self.succeeded, *self.failed}
                waiting = [index for index in self.ended if index not in busy]
                for index in waiting[: self._spec["parallelism"] - len(running)]:
                    running[slots.submit(self._pod, index)] = index
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    self._decide(running.pop(future), future.result())

    def _decide(self, index: int, ended: Ended) -> None:
        self.ended[index].append(ended)
        if ended.code == 0:
            self.succeeded.add(index)
            return
        action = action_of(self._spec, ended.code, disrupted=ended.disrupted)
        assert action in {"FailIndex", "Ignore", "Count"}
        self._counted[index] += action == "Count"
        too_often = self._counted[index] > self._spec["backoffLimitPerIndex"]
        if action == "FailIndex" or too_often:
            self.failed.add(index)
