"""What -v shows of a plan."""

from __future__ import annotations

from testbed.ips import messages
from testbed.ips.images.catalog import Entry
from testbed.ips.planning.planner import Plan


def entry(publisher: str, stem: str, version: str) -> Entry:
    return Entry(publisher, stem, version)


def test_packages_stand_below_their_publisher_removals_first() -> None:
    plan = Plan(
        add=[entry("omnios", "a", "1,5.11-0:20230503T120000Z")],
        change=[
            (entry("omnios", "b", "1,5.11-0:20230503T120000Z"), entry("omnios", "b", "2,5.11-0:20230503T120000Z")),
            (entry("extra", "c", "1,5.11-0:20230503T120000Z"), entry("local", "c", "3,5.11-0:20230503T120000Z")),
            (entry("omnios", "d", "1,5.11-0:20230503T120000Z"), entry("omnios", "d", "1,5.11-0:20230518T090000Z")),
        ],
        remove=[entry("omnios", "z", "1,5.11-0:20230503T120000Z")],
    )
    assert messages.changed_packages(plan) == (
        "\nChanged packages:\n"
        "extra -> local\n  c\n    1-0 -> 3-0\n"
        "omnios\n"
        "  z\n    1-0 -> None\n"
        "  a\n    None -> 1-0\n"
        "  b\n    1-0 -> 2-0\n"
        "  d\n    1-0:20230503T120000Z -> 1-0:20230518T090000Z\n"
    )


def test_nothing_changed_is_nothing_shown() -> None:
    assert messages.changed_packages(Plan()) == ""
