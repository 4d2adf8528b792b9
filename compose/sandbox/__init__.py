"""Stand-ins for the four neighbours of the Order Service: User, Cart, Product and Payment.

They implement the contracts of the real services, record ledgers of their calls and effects, and inject faults: for trying
the service on one machine, and for testing its promises. They depend on the wire contracts only, never on the service's
code.
"""
