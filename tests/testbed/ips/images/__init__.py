"""What pkg keeps below ROOT/var/pkg, in the formats of the real pkg."""
