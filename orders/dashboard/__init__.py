"""The dashboard for vendors and admins: a document and its assets. It reads and changes orders through the REST API alone."""
