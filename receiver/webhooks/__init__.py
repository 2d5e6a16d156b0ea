"""What proves a delivery: the webhook's registration by itself, and the secrets that verify."""
