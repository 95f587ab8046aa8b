//! Who has an account, how they prove it, and what they are here.
