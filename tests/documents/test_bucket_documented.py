"""What ``jobs/README.md`` says about buckets agrees with the code and with the pipelines."""

from __future__ import annotations

import json
import re
from pathlib import Path

from bulkops.journal.remote.bucket import clouds, environment
from bulkops.journal.remote.bucket.address import PATTERNS
from bulkops.journal.remote.bucket.store import Store

JOBS = Path(__file__).resolve().parents[2] / "jobs"
PAGE = (JOBS / "README.md").read_text(encoding="utf-8")
SECTION = PAGE.partition("\n## A bucket\n")[2].partition("\n## ")[0]


def test_every_kind_of_address_is_named() -> None:
    """The table has the patterns that messages name."""
    assert re.findall(r"(?m)^\| `(\w+://\S+)` \|", SECTION) == list(PATTERNS.values())


def test_the_variables_are_those_that_are_read() -> None:
    """Each variable of a cloud that is named is in the code; a prefix stands for several."""
    code = "".join(Path(str(one.__file__)).read_text("utf-8") for one in (clouds, environment))
    named = set(re.findall(r"\b(?:AWS|AZURE|GOOGLE|STORAGE)_[A-Z_]+", SECTION))
    assert len(named) > 15
    assert {name for name in named if name not in code} == set()


def test_the_policy_allows_what_a_store_does_and_no_deletion() -> None:
    """Get, put and list, in one bucket, and no other right."""
    policy = json.loads(SECTION.partition("```json\n")[2].partition("```")[0])
    allowed = {
        action: statement["Resource"]
        for statement in policy["Statement"]
        for action in [statement["Action"]]
        for action in ([action] if isinstance(action, str) else action)
    }
    assert allowed == {
        "s3:GetObject": "arn:aws:s3:::my-bucket/*",
        "s3:PutObject": "arn:aws:s3:::my-bucket/*",
        "s3:ListBucket": "arn:aws:s3:::my-bucket",
    }
    assert {name for name in vars(Store) if name[0] != "_"} == {
        *("get", "names", "folders"),
        *("create", "swap", "put"),
    }
    # A condition makes S3 answer 403 for what is missing.
    assert not [one for one in policy["Statement"] if "Condition" in one]


def test_the_pipelines_refer_to_this_section() -> None:
    """Each of them says where the policy is."""
    files = [path for path in sorted(JOBS.iterdir()) if "-bucket" in path.name]
    assert len(files) == 2
    for path in files:
        assert re.search(r'README\.md,? \(?"A bucket"', path.read_text("utf-8"))
