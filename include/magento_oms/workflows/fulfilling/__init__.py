"""What Magento and the store are told of fulfilments: invoice, shipment, comments, notifications."""
