"""One file per command: its arguments and texts. What it does is in zones.py, zfs/, boot.py, smf.py, hooks/, ips/."""
