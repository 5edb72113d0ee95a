"""The tests, in folders named after purposes; a folder named after a room would hide the room."""
