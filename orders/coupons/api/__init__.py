"""The endpoints of coupons."""
