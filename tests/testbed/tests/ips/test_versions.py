"""Versions, names and action lines: properties that hold for all of them."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from testbed.ips import action, fmri
from testbed.ips.images import v5

NUMBERS = st.lists(st.integers(0, 400000), min_size=1, max_size=4).map(lambda ns: ".".join(map(str, ns)))
STAMPS = st.integers(0, 9).map(lambda n: f"2026112{n}T055207Z")
VERSIONS = st.builds("{0},5.11-{1}:{2}".format, NUMBERS, NUMBERS, STAMPS).map(fmri.version)


@settings(deadline=None)
@given(VERSIONS, VERSIONS)
def test_sortkey_orders_as_versions_do__format_v5(one: fmri.Version, other: fmri.Version) -> None:
    assert (v5.sortkey(one) < v5.sortkey(other)) == (one.key < other.key)


@settings(deadline=None)
@given(VERSIONS)
def test_a_version_matches_itself_with_and_without_stamp(version: fmri.Version) -> None:
    assert version.matches(fmri.version(version.short))
    assert version.matches(fmri.version(version.plain))
    assert version.matches(fmri.version(version.plain.partition("-")[0]))


def test_short_form_leaves_out_the_build_release() -> None:
    name = fmri.parse("pkg://omnios/SUNWcs@0.5.11,5.11-151046.0:20261121T055207Z")
    assert name.short == "pkg://omnios/SUNWcs@0.5.11-151046.0:20261121T055207Z"
    assert name.plain == "pkg://omnios/SUNWcs@0.5.11-151046.0"


def test_a_pattern_means_the_end_of_a_name_unless_it_is_anchored() -> None:
    curl = fmri.parse("pkg://omnios/web/curl@8.5.0")
    assert curl.named_by(fmri.parse("curl"))
    assert curl.named_by(fmri.parse("web/*"))
    assert not curl.named_by(fmri.parse("url"))
    assert not curl.named_by(fmri.parse("pkg:/curl"))
    assert not curl.named_by(fmri.parse("pkg://extra.omnios/web/curl"))


@settings(deadline=None)
@given(st.text(st.characters(blacklist_categories=("Cs", "Cc")), min_size=1).filter(lambda text: "'" not in text))
def test_values_in_quotes_are_read_back(value: str) -> None:
    quoted = value.replace("\\", "\\\\").replace('"', '\\"')
    assert action.parse(f'set name=pkg.summary value="{quoted}"').get("value") == value


def test_facets_and_variants_decide_whether_an_action_counts__format_v4() -> None:
    variants = {"variant.opensolaris.zone": "nonglobal"}
    line = "file path=a {0}"
    counted = {
        extra: action.counts(action.parse(line.format(extra)), variants, {"facet.devel": False, "facet.doc.*": False})
        for extra in (
            "",
            "variant.opensolaris.zone=global",
            "variant.unknown=false",
            "variant.unknown=true",
            "facet.devel=true",
            "facet.doc.man=true",
            "facet.optional.x=true",
            "facet.other=true",
            "facet.devel=true facet.other=true",
            "facet.devel=all facet.other=true",
        )
    }
    assert [extra for extra, counts in counted.items() if counts] == [
        "",
        "variant.unknown=false",
        "facet.other=true",
        "facet.devel=true facet.other=true",
    ]
