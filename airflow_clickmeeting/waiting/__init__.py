"""What can be waited for, how often it is polled, and requests that waiting triggers share."""
