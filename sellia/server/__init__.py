"""The public end of the tunnel: visitors arrive at its ingress, links at its gateway."""
