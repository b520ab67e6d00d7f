"""What a warehouse does: tell its stock, pack, send back, list what the courier takes, hand over."""
