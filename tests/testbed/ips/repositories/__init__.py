"""Package repositories, and fetching what they offer."""
