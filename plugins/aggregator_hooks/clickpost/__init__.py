"""Clickpost: one call books a parcel with a named courier. Nearly all answers are HTTP 200; `meta.status` tells."""
