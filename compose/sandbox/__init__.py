"""Stand-ins for the four neighbours of the Order Service: User, Cart, Product and Payment.

They speak the same contracts as the real ones, to the last rule, keep ledgers of what really happened to them, and can
be told to misbehave. So they serve a first look at the service on one machine, and the tests of what it promises. They
know the wire contracts only, never the service's own code.
"""
