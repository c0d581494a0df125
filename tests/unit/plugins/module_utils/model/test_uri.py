# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Secrets in URIs never show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.illumos.linked_zones.plugins.module_utils.model.uri import mask

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
