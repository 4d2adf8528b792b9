"""The endpoints of the API: what a request says in, what a use case answers out. Contract: REST API."""
