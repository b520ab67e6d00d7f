"""Stock towards Magento: what may be sold, what changed of it, and telling it."""
