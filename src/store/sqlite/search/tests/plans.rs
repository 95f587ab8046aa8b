//! The plans that SQLite makes: no search of everyday walks a whole table.
