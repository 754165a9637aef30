"""Files of other tunnels."""
