"""Replay of the recordings of the real brand hooks against the testbed, see README.md."""
