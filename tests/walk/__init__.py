"""Kill the module, or the host, at every boundary of a switch; the next run must finish what was begun."""
