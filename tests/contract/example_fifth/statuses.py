"""The fifth aggregator's codes, as data: what each means for a forward parcel and for a reverse pickup."""

from __future__ import annotations

from aggregator_hooks.statuses import Row, StatusTable, stays, to
from magento_oms.ports import ParcelStatus as S

STATUSES = StatusTable(
    {
        "BOOKED": Row("booked", to(S.CREATED), to(S.RETURN_PLACED)),
        "PICKUP": Row("pickup planned", to(S.PICKUP_SCHEDULED), to(S.RETURN_PLACED)),
        "AT_SENDER": Row("at the sender", to(S.PICKUP_SCHEDULED), to(S.RETURN_OUT_FOR_PICKUP)),
        "NO_PICKUP": Row(
            "pickup failed", to(S.PICKUP_SCHEDULED, alert="the pickup failed"), to(S.RETURN_PLACED, alert="it failed")
        ),
        "COLLECTED": Row("collected", to(S.PICKED_UP), to(S.RETURN_PICKED_UP)),
        "MOVING": Row("on its way", to(S.IN_TRANSIT), to(S.RETURN_IN_TRANSIT)),
        "AT_DOOR": Row("out for delivery", to(S.OUT_FOR_DELIVERY), to(S.RETURN_IN_TRANSIT)),
        "REFUSED": Row("not delivered", to(S.DELIVERY_FAILED), to(S.RETURN_IN_TRANSIT, alert="nobody took it back")),
        "DONE": Row("delivered", to(S.DELIVERED), to(S.RETURN_DELIVERED)),
        "BACK": Row("goes back", to(S.RTO_INITIATED, again=S.RTO_IN_TRANSIT), stays()),
        "BACK_HOME": Row("is back", to(S.RTO_DELIVERED), stays()),
        "QC_FAILED": Row("quality check failed", stays(alert="QC on a forward parcel"), to(S.RETURN_QC_FAILED)),
        "LOST": Row("lost", to(S.LOST), to(S.LOST)),
        "CANCELLED": Row("cancelled", to(S.CANCELLED), to(S.RETURN_CANCELLED)),
    }
)
