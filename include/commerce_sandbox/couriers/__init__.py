"""Stand-ins of the courier aggregators: accounts below `/couriers/{account}`, durable like the stores.

A vendor's stand-in is one module with a class that has:

- `name`, `credentials` (what a new account's hook must send) and `switches` (behaviours where the vendor's own word is
  a guess or sources conflict, with their defaults; an account's settings override them);
- `answer(call, desk)`: what the vendor's server answers. All that it changes goes through the `Desk`: parcels are kept
  in one table for all vendors, `desk.effect` notes what really happened, so that a test can prove "once";
- `webhook(parcel, scans, desk)`: what it posts after a scan: headers and body, in the shape that the account's switches
  choose. Sending, repeats, reordering, late and lost ones are the emitter's.

A parcel's scans are canonical steps (`journeys.py`), which each vendor renders in its own codes. Nothing here is shared
with the product's hooks: it is written from the vendors' documents alone, so that it cannot share the hooks' mistakes.
"""
