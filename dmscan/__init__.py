"""dmscan finds DMarket items that can be bought now and sold again at a profit after the real fee."""

__version__ = "0.1.0"
