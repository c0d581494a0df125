"""A simulated illumos host: real files, a state file for what the kernel and ZFS know, commands at their real paths."""
