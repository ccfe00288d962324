"""Time zones: what is refused, and why."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Iterator
from datetime import UTC
from importlib.util import find_spec

import pytest

from bulkops.errors import JobError
from bulkops.job.job import parse_job
from bulkops.job.windows.zones import windows_of, zone_named

JOB = """
name = "scan"
organization = "acme"
[operation]
kind = "attach"
task = "security-scan"
enforcement_level = "mandatory"
[select]
all = true
[rollout]
windows = [{}]
"""


@pytest.fixture
def without_database() -> Iterator[None]:
    """A machine without a time zone database."""
    if find_spec("tzdata") is not None:
        pytest.skip("the package tzdata is installed")
    zoneinfo.reset_tzpath(to=[])
    zoneinfo.ZoneInfo.clear_cache()
    try:
        yield
    finally:
        zoneinfo.reset_tzpath()


@pytest.mark.usefixtures("without_database")
def test_a_machine_without_a_time_zone_database_knows_only_utc() -> None:
    """The error says what to install."""
    assert zone_named("UTC", where="job.toml") is UTC
    job = parse_job(JOB.format('"08:00-16:00 Europe/Berlin"'))
    with pytest.raises(JobError, match=r"no time zone database\. Install .* tzdata") as error:
        windows_of(job, "job.toml")
    assert error.value.exit_code == 2
    assert str(error.value).startswith(
        'job.toml: rollout.windows[0] = "08:00-16:00 Europe/Berlin": time zone Europe/Berlin: '
    )


def test_a_zone_that_is_misspelt_is_named_with_the_nearest() -> None:
    """A folder of the database is no zone, either."""
    with pytest.raises(JobError, match=r"Did you mean Europe/Berlin\?"):
        zone_named("Europe/Berln", where="job.toml")
    with pytest.raises(JobError, match="not in this machine's time zone database"):
        zone_named("America", where="job.toml")


@pytest.mark.parametrize(
    "window",
    [
        "08:00-16:00",
        "Mon 08:00-16:00",
        "monday 08:00-16:00 UTC",
        "Mon, Wed 08:00-16:00 UTC",
        "08:00-25:00 UTC",
        "24:00-08:00 UTC",
        "08:00-16:00 ../etc/passwd",
        "08:00-16:00 right/Europe/Berlin",
        "08:00-16:00 localtime",
        "8-16 UTC",
        "",
    ],
)
def test_what_is_no_window_is_refused(window: str) -> None:
    """The message has the place, as for every other list of a job file."""
    place = f'rollout.windows[1] = "{window}": '
    with pytest.raises(JobError, match=re.escape(place)):
        parse_job(JOB.format(f'"08:00-16:00 UTC", "{window}"'))


def test_a_window_that_ends_when_it_begins_is_refused() -> None:
    """It may mean never or always."""
    message = r"rollout\.windows\[0\] = .*begins and ends at the same time: .* 00:00-24:00"
    with pytest.raises(JobError, match=message):
        parse_job(JOB.format('"8:00-08:00 UTC"'))
