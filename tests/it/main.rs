//! The real binary over real sockets, one feature a module.
fn main() {}
