//! What the server fetches from others: bounded in size and time, and never from inside the house.
