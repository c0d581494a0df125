# Copyright: (c) 2026, illumos.linked_zones contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attributes that the modules of this collection share."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Takes the same decisions as a run and returns what it would do.
  diff_mode:
    description: Shows before and after.
  idempotent:
    description: A second run changes nothing.
  platform:
    description: Where the module works.
"""
