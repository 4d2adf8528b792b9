"""Reports on sales, customers, fulfilment and payments (contract: analytics), counted from orders, audit trail and ledger."""
