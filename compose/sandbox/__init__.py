"""Stand-ins for the four neighbours of the Order Service: User, Cart, Product and Payment.

They implement the same contracts as the real services, keep ledgers of what happened to them, and can be told to
misbehave: for trying the service on one machine, and for testing its promises. They know the wire contracts only, never
the service's own code.
"""
