"""Care of a hub's data: copies of it, what a restored copy may do, what is kept how long, and whether all of it is
sound."""
