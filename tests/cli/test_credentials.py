"""A token that only Terraform's own configuration has is found, whatever writes the files."""

from __future__ import annotations

import pytest

from tests.cli.support import TOKEN, World
from tests.conftest import Here


@pytest.fixture
def host(world: World) -> str:
    """The server's host and port; no variable has a token for it."""
    world.environment["TFE_TOKEN"] = ""
    return world.address.removeprefix("http://")


def test_a_block_in_terraformrc(world: World, here: Here, host: str) -> None:
    """What setup-terraform writes in CI, and Windows' byte order mark and line breaks."""
    block = f'\ufeff\r\ncredentials "{host}" {{\r\n  token = "{TOKEN}"\r\n}}\r\n'
    (world.folder / ".terraformrc").write_bytes(block.encode())
    assert here("plan", "job.toml").code == 0
    (world.folder / ".terraformrc").rename(world.folder / "terraform.rc")
    assert here("plan", "job.toml", TF_CLI_CONFIG_FILE="terraform.rc").code == 0
    (world.folder / "terraform.rc").unlink()


def test_an_entry_of_another_host_is_null(world: World, here: Here, host: str) -> None:
    """What ``terraform logout`` of an older version leaves doesn't hide the own token."""
    text = f'{{"credentials": {{"old.example.com": null, "{host}": {{"token": "{TOKEN}"}}}}}}'
    folder = world.folder / ".terraform.d"
    folder.mkdir()
    (folder / "credentials.tfrc.json").write_text(text)
    assert here("plan", "job.toml").code == 0
    (folder / "credentials.tfrc.json").unlink()


def test_a_credentials_helper(world: World, here: Here, host: str) -> None:
    """The program is run as Terraform runs it; if it fails, its own words are shown."""
    folder = world.folder / ".terraform.d" / "plugins"
    folder.mkdir(parents=True)
    (world.folder / ".terraformrc").write_text('credentials_helper "x" { args = ["-v"] }')
    program = folder / "terraform-credentials-x"
    program.write_text(
        f'#!/bin/sh\n[ "$*" = "-v get {host}" ] && echo "{{\\"token\\": \\"$SECRET\\"}}"\n'
    )
    program.chmod(0o755)
    assert here("plan", "job.toml", SECRET=TOKEN).code == 0
    program.write_text("#!/bin/sh\necho the store is locked >&2\nexit 1\n")
    done = here("plan", "job.toml")
    assert done.code == 1
    assert "failed with exit code 1: the store is locked" in done.err


def test_no_token_lists_every_place(world: World, here: Here, host: str) -> None:
    """The message names each place that was looked at, and a way out."""
    done = here("plan", "job.toml")
    assert done.code == 1
    for place in ("TFE_TOKEN", "TF_TOKEN_127_0_0_1", "/.terraformrc", "/credentials.tfrc.json"):
        assert place in done.err
    assert f"terraform login {host}" in done.err
    (world.folder / ".terraformrc").write_text('credentials "x" {\n  token = s3cret\n}')
    done = here("plan", "job.toml")
    assert done.code == 1
    assert ".terraformrc is not a Terraform CLI configuration: line 2: a word is not" in done.err
    assert "s3cret" not in done.err
