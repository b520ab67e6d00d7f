"""What is asked of courier aggregators, one kind of effect a file, and what their scans do to parcels.

A parcel is booked (`book_parcel`), gets its AWB (`assign_awb`), its label (`fetch_label`) and its pickup
(`schedule_pickup`), each after the one before; `plans` plans them. Where nobody takes it at one account, `fall_over`
goes on to the next. `tracking` reads where parcels are, `webhooks` works on what couriers tell, `ndr` carries out what
a person decided about a parcel that could not be delivered.
"""
