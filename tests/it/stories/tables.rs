//! Stories of tables in and out: import, export, figures.
