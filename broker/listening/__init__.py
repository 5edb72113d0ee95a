"""How a desk hears, on and on: a FastStream application on its inbox, whatever engine carries it."""
