//! A search request, read.
