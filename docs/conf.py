"""The docs site: the pages of this folder, and what antsibull-docs writes about modules and roles."""

project = "illumos.linked_zones"
author = project_copyright = "illumos.linked_zones contributors"
extensions = ["myst_parser", "sphinx_antsibull_ext"]
myst_heading_anchors = 3
html_theme = "alabaster"
html_theme_options = {"page_width": "70em", "description": "Switch, update and check linked-image zones of OmniOS"}
html_title = project
# pages of Ansible itself are not linked: the site is built without network
intersphinx_mapping: dict[str, tuple[str, None]] = {}
suppress_warnings = ["ref.ref"]
