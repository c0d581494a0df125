"""Recordings of the real brand hooks: format in tests/fixtures/README.md."""
