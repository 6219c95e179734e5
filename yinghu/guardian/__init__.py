"""People who may get lost: their tags, and what follows when somebody finds them."""
