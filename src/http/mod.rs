//! The router table, and problems as HTTP.
