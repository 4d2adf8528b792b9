"""Coupons: codes that take something off an order."""
