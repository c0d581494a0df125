"""Carrying out plans: packages, files, boot environments, children."""
