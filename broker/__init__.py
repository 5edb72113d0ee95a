"""How a notification is carried, sealed, recorded and shown, on the hub's side and on a desk's."""
