//! The `vigie` binary: hands the command line to [`vigie::cli`].

fn main() {}
