"""IPS for simulated hosts: images in formats v4 and v5, repositories, planning and linked images."""
