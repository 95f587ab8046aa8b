//! Who tampers with the record is found out.
