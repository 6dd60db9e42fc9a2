"""The measuring half of scripts/peers: see there."""
