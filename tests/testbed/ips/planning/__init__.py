"""From what is asked and what is known to what changes, or why it cannot be."""
