"""The server versions that can be played, as data: what each one knows and how it answers."""

from __future__ import annotations

from typing import Literal

import msgspec

Bindings = Literal["included", "linked", "absent"]

ALL_STAGES = ("pre_plan", "post_plan", "pre_apply", "post_apply")
DEFAULT_STAGE = "post_plan"


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """One server version.

    Attributes:
        name: what ``--profile`` says.
        tfe_version: the ``X-TFE-Version`` header; None for HCP Terraform.
        stages: the stages this version knows.
        many_stages: whether ``stages`` exists beside the older ``stage``; without it, only the
            first known element of ``stages`` is kept, and nothing says so.
        reverse_listing: whether ``GET /tasks/:id/relationships/workspace-tasks`` exists.
        attach_body: whether an attach is answered 201 with the body, or 204 with none.
        include_limit: how many workspace tasks ``include=workspace_tasks`` yields at most for
            each task; None for all of them, 0 for no ``included`` at all.
        bindings: of a workspace's tag bindings the list of workspaces includes those asked for,
            links to them and includes none, or, before there were any, shows nothing.
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
        # post_apply came with v202402-1, `stages` with v202404-1: here is one without the other.
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
        # The documentation's samples are such: links, and nothing included.
        Profile(name="hcp-linked-tags", bindings="linked"),
    )
}
