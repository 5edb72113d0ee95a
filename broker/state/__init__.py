"""What a lane knows: one module a table, every row sealed, every row key an HMAC."""
