"""The page on which people try transfer on their own photos: `python -m hairnet.page`. Nothing else imports it."""
