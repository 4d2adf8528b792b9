"""The use cases of those who manage coupons."""
