"""Units that come back: placed by a call, a store or a courier; received and checked; refunded, exchanged, told of."""
