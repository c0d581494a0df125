"""Recordings of the real pkg: format in tests/fixtures/README.md."""
