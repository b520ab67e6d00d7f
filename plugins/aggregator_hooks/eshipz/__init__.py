"""Eshipz: one call books a parcel with a carrier account and a service; its own ids begin with EZ."""
