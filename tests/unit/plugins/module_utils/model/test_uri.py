# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in URIs never show, and a URI has one form."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.uri import canonical, mask, secrets

WORDS = st.text(st.characters(min_codepoint=33, max_codepoint=126, exclude_characters="/@"), min_size=8)


@given(WORDS, WORDS)
def test_user_and_password_are_gone(user: str, password: str) -> None:
    masked = mask(f"Unable to contact valid package repository: https://{user}:hush{password}@pkg.example.org/core/")
    assert "hush" not in masked
    assert masked.endswith("@pkg.example.org/core/")


@pytest.mark.parametrize("text", ["file:///repo/core/", "https://pkg.omnios.org/r151054/core", "a@b", "entire@11"])
def test_what_has_no_secret_stays(text: str) -> None:
    assert mask(text) == text


def test_a_password_with_an_at_sign() -> None:
    assert mask("https://u:p@ss@host/x") == "https://********@host/x"


def test_a_list_of_uris() -> None:
    masked = "['https://a.example/', 'https://********@b.example/']"
    assert mask("['https://a.example/', 'https://u:it's@b.example/']") == masked


def test_no_escape_sequence_reaches_a_terminal() -> None:
    assert mask("a\x1b[2Jb\rc\x9b\td\n") == "a\\x1b[2Jb\\x0dc\\x9b\td\n"


@pytest.mark.parametrize(
    ("typed", "form"),
    [
        ("https://pkg.omnios.org/r151054/core", "https://pkg.omnios.org/r151054/core/"),
        ("HTTPS://Pkg.Omnios.ORG:443/Core//", "https://pkg.omnios.org:443/Core/"),
        ("http://h", "http://h/"),
        ("/repo/local", "file:///repo/local/"),
        ("/repo/with blank", "file:///repo/with%20blank/"),
        ("file:/repo/local", "file:///repo/local/"),
    ],
)
def test_one_form(typed: str, form: str) -> None:
    assert canonical(typed) == form
    assert canonical(form) == form


@pytest.mark.parametrize(
    "typed", ["", "pkg.omnios.org", "ftp://h/x", "https:///x", "file://h/x", "https://h/a b", "-g"]
)
def test_no_uri_of_a_repository(typed: str) -> None:
    with pytest.raises(ValueError, match="no URI of a repository"):
        canonical(typed)


def test_pkg_takes_no_password_in_an_origin() -> None:
    with pytest.raises(ValueError, match="user or password") as refused:
        canonical("https://user:hush@h/x")
    assert "hush" not in str(refused.value)


@given(st.text())
def test_any_text_has_a_form_or_is_refused(text: str) -> None:
    try:
        form = canonical(text)
    except ValueError:
        return
    assert canonical(form) == form


def test_secrets_are_found_at_any_depth() -> None:
    secret = "http://user:hush@proxy:3128"
    assert secrets({"a": [{"proxy": secret}, None, 3, "https://h/"]}) == {secret}
