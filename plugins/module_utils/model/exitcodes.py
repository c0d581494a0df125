# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Exit codes of pkg(1) (pkg.1, and linked images: pkgdefs)."""

from __future__ import annotations

PKG_OK = 0
PKG_ERROR = 1
PKG_USAGE = 2
PKG_PARTIAL = 3
PKG_NOTHING_TO_DO = 4
PKG_LICENCE = 6
PKG_LOCKED = 7
PKG_CHILD_INACCESSIBLE = 51
PKG_DIVERGED = 52
PKG_NOT_LINKED = 53
PKG_TRACEBACK = 99
