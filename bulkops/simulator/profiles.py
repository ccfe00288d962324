"""The server versions that can be simulated, described as data."""

from __future__ import annotations

from typing import Literal

import msgspec

Bindings = Literal["included", "linked", "absent"]

ALL_STAGES = ("pre_plan", "post_plan", "pre_apply", "post_apply")
DEFAULT_STAGE = "post_plan"


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One server version.

    Attributes:
        name: the value of ``--profile``.
        tfe_version: the ``X-TFE-Version`` header; None for HCP Terraform.
        stages: the stages that this version supports.
        many_stages: whether it supports ``stages`` in addition to the older ``stage``; if not,
            it silently keeps only the first known element of ``stages``.
        reverse_listing: whether it has ``GET /tasks/:id/relationships/workspace-tasks``.
        attach_body: whether it answers an attach with 201 and a body, or with 204.
        include_limit: the most workspace tasks per run task with ``include=workspace_tasks``;
            None for all of them, 0 for no ``included``.
        bindings: whether the list of workspaces can include tag bindings, only links to them, or
            does not show them, as before they existed.
    """

    name: str
    tfe_version: str | None = None
    stages: tuple[str, ...] = ALL_STAGES
    many_stages: bool = True
    reverse_listing: bool = True
    attach_body: bool = True
    include_limit: int | None = None
    bindings: Bindings = "included"

    @property
    def app_name(self) -> str:
        """The ``TFP-AppName`` header."""
        return "HCP Terraform" if self.tfe_version is None else "Terraform Enterprise"


_OLD = Profile(
    name="tfe-v202401-1",
    tfe_version="v202401-1",
    stages=ALL_STAGES[:3],
    many_stages=False,
    reverse_listing=False,
    attach_body=False,
    bindings="absent",
)

PROFILES = {
    profile.name: profile
    for profile in (
        Profile(name="hcp"),
        Profile(name="tfe-v202408-1", tfe_version="v202408-1"),
        # post_apply was added in v202402-1, `stages` in v202404-1: this has only the first.
        Profile(
            name="tfe-v202402-1",
            tfe_version="v202402-1",
            many_stages=False,
            reverse_listing=False,
            attach_body=False,
            bindings="absent",
        ),
        _OLD,
        msgspec.structs.replace(_OLD, name="tfe-v202401-1-some-included", include_limit=20),
        msgspec.structs.replace(_OLD, name="tfe-v202401-1-none-included", include_limit=0),
        # As in the documentation's samples: links, and nothing included.
        Profile(name="hcp-linked-tags", bindings="linked"),
    )
}
