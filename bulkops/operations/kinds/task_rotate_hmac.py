"""``task-rotate-hmac``: set the key with which the run task signs its requests. Pure.

| the server shows           | decided                                |
|----------------------------|----------------------------------------|
| never its key              | rotate it, whatever it was             |

The key is write-only: it can't be compared before, verified afterwards, or restored. Setting the
same key twice is the same as setting it once, so bulkops sends it again after a lost answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar

from msgspec import Meta

from bulkops.operations.aspects.base import Words
from bulkops.operations.aspects.hmac_key import DIGEST, WORDS, HmacAspect
from bulkops.operations.kinds.base import Kind
from bulkops.operations.model import (
    Observations,
    Observed,
    Operation,
    Resolved,
    Scope,
    Target,
    TaskSpec,
    exactly_one_of,
)
from bulkops.operations.secret import Secret

KeyVariable = Annotated[
    str, Meta(pattern=r"^[A-Za-z_]\w*\Z", description="an environment variable")
]
KeyFile = Annotated[str, Meta(min_length=1, description="a file's path")]


class TaskRotateHmacSpec(TaskSpec, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """``[operation]`` of kind ``task-rotate-hmac``: exactly one of its two fields is required.

    Attributes:
        key_env: the environment variable that holds the new key.
        key_file: the UTF-8 file that holds the new key; line breaks at its end are ignored.
    """

    schema_rule = exactly_one_of("key_env", "key_file")

    key_env: KeyVariable | None = None
    key_file: KeyFile | None = None

    def __post_init__(self) -> None:
        """Refuse a spec without a key, or with two."""
        if (self.key_env is None) == (self.key_file is None):
            raise ValueError("a task-rotate-hmac needs either `key_env` or `key_file`")

    @property
    def secret(self) -> Secret:
        """Where the new key is."""
        if self.key_env is not None:
            return Secret("key_env", DIGEST, env=self.key_env)
        return Secret("key_file", DIGEST, file=self.key_file or "")


class TaskRotateHmac(Kind):
    """Give the run task a new HMAC key."""

    name: ClassVar[str] = "task-rotate-hmac"
    spec_type: ClassVar[type[TaskRotateHmacSpec]] = TaskRotateHmacSpec
    scope: ClassVar[Scope] = Scope.TASK
    changes: ClassVar[str] = "rotate"
    reversible: ClassVar[bool] = False
    words: ClassVar[Sequence[Words]] = (WORDS,)

    def __init__(self, spec: TaskRotateHmacSpec, resolved: Resolved) -> None:
        super().__init__(spec, resolved)
        self._key = resolved.key
        self.aspects = {"": HmacAspect(resolved.organization, resolved.key)}

    def decide(self, target: Target, _observations: Observations) -> Sequence[Operation]:
        """See the table above."""
        desired = {DIGEST: self._key.digest if self._key else ""}
        return (Operation(self.name, target, Observed(target.id, {}), desired),)

    def notes(self, _operations: Sequence[Operation]) -> Sequence[str]:
        """Warn that the server never shows the key."""
        return (
            "the server never shows the key, so it can't be compared or verified; this can't be "
            "undone",
        )
